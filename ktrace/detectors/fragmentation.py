"""Why a block of an order cannot be had: numbers of the free blocks of each zone."""

from ktrace.events import FreeBlocks, ZoneBlocks
from ktrace.findings import ZoneState


def zone_states(look: FreeBlocks, order: int) -> tuple[ZoneState, ...]:
    """Of zones that have free pages."""
    states = [_state(look, zone, order) for zone in look.zones]
    return tuple(state for state in states if state.free_kib)


def fragmentation_index(free: tuple[int, ...], order: int) -> float | None:
    """As /sys/kernel/debug/extfrag/extfrag_index: near 0 a request would fail for want of memory,
    near 1 because of fragmentation. None: it would not fail, where the kernel says -1.

    free: blocks by order. __fragmentation_index() of mm/vmstat.c, in its integers.
    """
    blocks, pages = sum(free), _pages(free)
    if not blocks:
        return 0.0
    if _suitable(free, order):
        return None
    return (1000 - (1000 + pages * 1000 // (1 << order)) // blocks) / 1000


def _state(look: FreeBlocks, zone: ZoneBlocks, order: int) -> ZoneState:
    sizes = [size for size, count in enumerate(zone.free) if count]
    own = [t for t in look.types if (t.node, t.zone) == (zone.node, zone.zone)]
    return ZoneState(
        node=zone.node,
        zone=zone.zone,
        free_kib=_pages(zone.free) * look.page_kib,
        unusable_kib=_pages(zone.free[:order]) * look.page_kib,
        largest_kib=(look.page_kib << sizes[-1]) if sizes else 0,
        suitable=_suitable(zone.free, order),
        index=fragmentation_index(zone.free, order),
        suitable_by_type={t.type: _suitable(t.free, order) for t in own},
    )


def _pages(free: tuple[int, ...]) -> int:
    return sum(count << order for order, count in enumerate(free))


def _suitable(free: tuple[int, ...], order: int) -> int:
    """How many blocks of that order the free ones give: fill_contig_page_info(), mm/vmstat.c."""
    return sum(count << (size - order) for size, count in enumerate(free) if size >= order)

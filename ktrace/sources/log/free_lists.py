"""The free lists of a report of the page allocator: what could have satisfied the request?

show_free_areas() (mm/show_mem.c, before v6.0 mm/page_alloc.c) prints for each zone what is free,
its watermarks, what is kept back from requests that could use a higher zone (lowmem_reserve, in
pages), and the blocks of each order with the migrate types that have some: "2*4kB (UM) 0*8kB".
"""

import re
from dataclasses import dataclass, field

from ktrace.plural import count

_ZONE = re.compile(
    r"(?P<zone>(?:Node \d{1,4} )?(?:DMA|DMA32|Normal|HighMem|Movable|Device)) ?free:(?P<free>\d+)kB"
)
_MIN = re.compile(r"\bmin:(\d{1,15})kB")
_RESERVE = re.compile(r"lowmem_reserve\[\]: (?P<pages>\d[\d ]*)$")
_LISTS = re.compile(
    r"(?P<zone>(?:Node \d{1,4} )?(?:DMA|DMA32|Normal|HighMem|Movable|Device)): (?=\d+\*\d+kB)"
)
_BLOCKS = re.compile(r"(?P<number>\d{1,12})\*(?P<kib>\d{1,8})kB(?: \((?P<types>[A-Z]*)\))?")
_ZONES_MAX = 64
_UNUSUAL = frozenset("CHI")  # CMA, HighAtomic, Isolate: not for every request


@dataclass(slots=True)
class _Zone:
    free: int | None = None  # KiB
    minimum: int = 0  # KiB
    reserve: int = 0  # pages, the most that is kept back
    blocks: list[tuple[int, int, str]] = field(default_factory=list)  # number, KiB, types


class FreeLists:
    """Feed it the lines of one report."""

    def __init__(self) -> None:
        self._zones: dict[str, _Zone] = {}
        self._last: _Zone | None = None

    def take(self, text: str) -> bool:
        """Whether the line is about a zone."""
        if match := _ZONE.match(text):
            self._last = self._zone(match["zone"])
            self._last.free = int(match["free"])
            if found := _MIN.search(text):
                self._last.minimum = int(found[1])
        elif match := _RESERVE.match(text):
            if self._last is not None:
                self._last.reserve = max(map(int, match["pages"].split()))
        elif match := _LISTS.match(text):
            self._zone(match["zone"]).blocks = [
                (int(block["number"]), int(block["kib"]), block["types"] or "")
                for block in _BLOCKS.finditer(text, match.end())
            ]
        else:
            return False
        return True

    def says(self, order: int, gfp: str) -> list[str]:
        """Of each zone that may serve the request, and what follows; [] where the log has none."""
        zones = {name: zone for name, zone in self._zones.items() if _serves(name, gfp)}
        single = len({name.partition(" ")[2] and name.split()[1] for name in self._zones}) < 2
        told = [
            _state(re.sub(r"^Node \d+ ", "", name) if single else name, zone, order)
            for name, zone in zones.items()
            if zone.free is not None or zone.blocks
        ]
        return [*told, _conclusion([*zones.values()], order)] if told else []

    def _zone(self, name: str) -> _Zone:
        if len(self._zones) >= _ZONES_MAX:
            return self._zones.get(name, _Zone())
        return self._zones.setdefault(name, _Zone())


def _serves(zone: str, gfp: str) -> bool:
    """gfp_zone() of include/linux/gfp.h: flags name the highest zone, lower ones follow. Flags
    that are not known rule out nothing."""
    name = zone.split()[-1]
    flags = set(re.split(r"[|\s]+", gfp))
    if flags & {"GFP_DMA", "__GFP_DMA"}:
        return name == "DMA"
    if flags & {"GFP_DMA32", "__GFP_DMA32"}:
        return name in ("DMA", "DMA32")
    if name == "HighMem":
        return not gfp.startswith(("GFP_", "__GFP_")) or "HIGH" in gfp
    if name == "Movable":
        return "MOVABLE" in gfp or not gfp.startswith(("GFP_", "__GFP_"))
    return name != "Device"


def _state(name: str, zone: _Zone, order: int) -> str:
    """ "DMA32: 78000 KiB free, minimum 2640, largest free block 64 KiB"."""
    parts = []
    if zone.free is not None:
        kept = _kept_back(zone)
        parts.append(f"{zone.free} KiB free, minimum {zone.minimum}")
        parts += [f"up to {kept} kept back (lowmem_reserve)"] if kept else []
    large = _large_enough(zone, order)
    if large:
        parts.append(f"{count(sum(n for n, _, _ in large), 'free block')} of order {order} or more")
    elif zone.blocks:
        largest = max((kib for n, kib, _ in zone.blocks if n), default=0)
        parts.append(f"largest free block {largest} KiB" if largest else "no free block")
    return f"{name}: {', '.join(parts)}"


def _conclusion(zones: list[_Zone], order: int) -> str:
    known = [zone for zone in zones if zone.free is not None]
    above = [zone for zone in known if _above_minimum(zone, order)]
    if known and not above:
        return "memory was low: no zone had more free than its minimum and what is kept back"
    fit = [zone for zone in above if _large_enough(zone, order)]
    if not any(zone.blocks for zone in above) or not known:
        return "the log does not tell whether free memory was fragmented"
    if not fit:
        return (
            f"fragmentation: enough was free, but no block of order {order} where it could be "
            "taken from"
        )
    types = "".join(types for zone in fit for _, _, types in _large_enough(zone, order))
    if types and set(types) <= _UNUSUAL:
        return "the only blocks that are large enough are of CMA, HighAtomic or Isolate"
    return (
        "blocks that are large enough were free when the report was printed: the request failed at "
        "a higher watermark or migrate type, or they were freed meanwhile"
    )


def _above_minimum(zone: _Zone, order: int) -> bool:
    """As __zone_watermark_ok() of mm/page_alloc.c: what the request itself would take is off."""
    left = (zone.free or 0) - ((1 << order) - 1) * _page_kib(zone)
    return left > zone.minimum + _kept_back(zone)


def _large_enough(zone: _Zone, order: int) -> list[tuple[int, int, str]]:
    if not zone.blocks:
        return []
    return [block for block in zone.blocks if block[0] and block[1] >= _page_kib(zone) << order]


def _kept_back(zone: _Zone) -> int:
    """KiB."""
    return zone.reserve * _page_kib(zone)


def _page_kib(zone: _Zone) -> int:
    """Of a page: the list begins with order 0."""
    return zone.blocks[0][1] if zone.blocks else 4

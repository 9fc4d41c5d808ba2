"""Which places in memory are bad: the same bit of the same physical word again and again, or what
the hardware and memtest report themselves.

As Linus Torvalds judged three reports of 2009: the struct page moved to another page frame with
mem_map, the wrong bit did not move from its physical address. Software writes words, in its own
structures, at virtual addresses; a cell knows only its physical address.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ktrace.detectors.bad_page_sighting import Sighting
from ktrace.events import MemoryFault, Sign
from ktrace.findings import Cell, RamCell

_PAGE_SIZE = 4096
_KEPT = 500  # places with faults
# Reports of the memory itself, with its physical address; other faults are seen in data
HARDWARE = frozenset({"machine-check", "edac", "cper", "memtest"})


@dataclass(slots=True)
class _Place:
    """Faults that the hardware or memtest reported in one page of memory."""

    address: int
    size: int
    counts: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    boots: set[str] = field(default_factory=set)
    corrected: bool = True

    def add(self, fault: MemoryFault) -> None:
        self.counts[fault.what, fault.label] += fault.count
        self.boots.add(fault.boot)
        self.corrected &= fault.corrected

    @property
    def signs(self) -> tuple[Sign, ...]:
        return tuple(Sign(what, label, n) for (what, label), n in self.counts.items())

    @property
    def _errors(self) -> int:
        """At least."""
        found: dict[str, int] = defaultdict(int)
        for (what, _), n in self.counts.items():
            found[what] += n
        return max(found.values())

    @property
    def confidence(self) -> str:
        """memtest wrote and read back: that is proof. Cosmic rays are corrected, too, but not at
        one place. The CPU, EDAC and the firmware may all tell of the same error."""
        if any(what == "memtest" for what, _ in self.counts) or len(self.boots) > 1:
            return "high"
        return "medium" if not self.corrected or self._errors > 1 else "low"


class RamCells:
    """Feed it sightings and faults. A verdict is made anew only when something is added to it."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], list[Sighting]] = defaultdict(list)
        self._places: dict[int, _Place] = {}
        self._verdicts: dict[str, RamCell] = {}

    def add(self, sighting: Sighting) -> list[Sighting]:
        """The sightings that a place explains from now on: this one, also the one before it of
        the same cell, or none."""
        cell = sighting.cell
        if cell is None:
            return []
        seen = self._cells[cell]
        seen.append(sighting)
        place = self._places.get(_page(cell[0]))
        if len(seen) == 1 and place is None:
            return []
        self._tell(cell, place, sighting.t)
        return [*seen] if len(seen) == 2 and place is None else [sighting]

    def add_fault(self, fault: MemoryFault) -> list[Sighting]:
        """The sightings that it explains and that nothing explained before."""
        address = _number(fault.address)
        if fault.what not in HARDWARE or address is None:
            return []
        page = _page(address)
        if page not in self._places and len(self._places) >= _KEPT:
            return []
        known = page in self._places
        place = self._places.setdefault(page, _Place(address, fault.size or _PAGE_SIZE))
        place.add(fault)
        cells = [cell for cell in self._cells if _page(cell[0]) == page]
        explained = (
            [] if known else [seen[0] for cell in cells if len(seen := self._cells[cell]) == 1]
        )
        for cell in cells:
            self._tell(cell, place, fault.t)
        if not cells:
            self._verdicts[_place_id(place)] = _reported(place, fault.t)
        return explained

    @property
    def verdicts(self) -> dict[str, RamCell]:
        """All that hold now, by id."""
        return self._verdicts

    def _tell(self, cell: tuple[int, int], place: _Place | None, t: float) -> None:
        if place is not None:
            self._verdicts.pop(_place_id(place), None)
        found = _cell(cell, self._cells[cell], place, t)
        self._verdicts[found.id] = found


def _page(address: int) -> int:
    return address - address % _PAGE_SIZE


def _place_id(place: _Place) -> str:
    return f"ram-cell-{place.address:#x}"


def boots_of(seen: Iterable[Sighting]) -> int:
    """How many boots there were at least. Within one the struct page at one physical address is
    that of one page frame: where a log tells no boots apart, the frames do."""
    frames: dict[str, set[int]] = defaultdict(set)
    for sighting in seen:
        frames[sighting.boot].update(() if sighting.pfn is None else (sighting.pfn,))
    return sum(max(1, len(pfns)) for pfns in frames.values())


def _cell(cell: tuple[int, int], seen: list[Sighting], place: _Place | None, t: float) -> RamCell:
    word, bit = cell
    byte = word + bit // 8  # little endian, as all that ktrace reads
    return RamCell(
        status="open",
        id=f"ram-cell-{word:#x}-{bit}",
        t=t,
        cell=Cell(hex(word), bit, hex(byte), bit % 8),
        events=len(seen),
        boots=boots_of(seen),
        confidence="high" if place else _confidence(seen),
        pfns=tuple(dict.fromkeys(s.pfn for s in seen if s.pfn is not None)),
        kernels=tuple(dict.fromkeys(s.kernel.split(" ")[0] for s in seen if s.kernel)),
        comms=tuple(dict.fromkeys(s.comm for s in seen)),
        signs=(*(place.signs if place else ()), *_foreign(seen)),
    )


def _foreign(seen: list[Sighting]) -> list[Sign]:
    """Modules from outside the kernel, where they were loaded each time."""
    found = [sign for sighting in seen for sign in sighting.signs if sign.code == "foreign-modules"]
    return found[:1] if len(found) == len(seen) else []


def _confidence(seen: list[Sighting]) -> str:
    """High needs a reboot in which the cell came to serve another page frame, or a third boot: in
    which no module from outside the kernel was loaded that could write there at every boot."""
    boots, frames = boots_of(seen), len({sighting.pfn for sighting in seen})
    if boots > 1 and (frames > 1 or (boots > 2 and not _foreign(seen))):
        return "high"
    return "medium" if boots > 1 else "low"


def _reported(place: _Place, t: float) -> RamCell:
    return RamCell(
        status="open",
        id=_place_id(place),
        t=t,
        cell=None,
        events=0,
        boots=len(place.boots),
        confidence=place.confidence,
        address=hex(place.address),
        size=place.size,
        signs=place.signs,
    )


def _number(text: str | None) -> int | None:
    try:
        return int(text, 16) if text else None
    except ValueError:
        return None

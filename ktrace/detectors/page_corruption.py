"""The verdict on bad pages that no cell explains: the kernel's bug, or not known."""

from collections import Counter
from dataclasses import dataclass, field

from ktrace.detectors.bad_page_sighting import Sighting
from ktrace.detectors.bad_page_signs import NOTES, WEAK
from ktrace.detectors.ram_cells import HARDWARE
from ktrace.events import MemoryFault, PageOwner, Sign
from ktrace.findings import PageCorruption, StackCount

_STACKS = 2  # told
_MAPS_KEPT = 500
# A count in freed memory that is put or got once more: 0x6b less one, 0xaa plus one (poison.h)
_COUNTED = {("6b", "6a"), ("aa", "ab")}
# What software does to pages: that one of these flags is left wrong in several is no accident
_LIFE = frozenset(
    "referenced uptodate dirty lru active slab reserved private writeback locked swapbacked "
    "unevictable mlocked mappedtodisk workingset".split()
)


@dataclass(slots=True)
class _OneBit:
    """Sightings with the same single wrong flag: can they be one cell?"""

    names: tuple[str, ...]
    pages: Counter[tuple[str, str | int | None]] = field(default_factory=Counter)
    offsets: Counter[int | None] = field(default_factory=Counter)
    frames: Counter[tuple[str | None, int | None]] = field(default_factory=Counter)

    def add(self, sighting: Sighting, number: int) -> None:
        self.pages[sighting.boot, sighting.virtual or sighting.pfn] += number
        self.offsets[sighting.offset] += number
        self.frames[sighting.virtual, sighting.pfn] += number

    @property
    def places(self) -> int:
        """Different struct pages, at least: mem_map does not move within a boot, and a mapping
        keeps the offset in a page."""
        boots = Counter(boot for (boot, page), n in self.pages.items() if n and page is not None)
        offsets = sum(1 for offset, n in self.offsets.items() if n and offset is not None)
        return max(1, offsets, *boots.values())

    @property
    def moved(self) -> bool:
        """The same struct page's address, of different page frames."""
        at = Counter(
            page for (page, pfn), n in self.frames.items() if n and page and pfn is not None
        )
        return any(n > 1 for n in at.values()) and self.places == 1


class Unexplained:
    """Counts that grow and shrink with the sightings: a verdict costs no walk over them."""

    def __init__(self) -> None:
        self.events = 0  # all, also those of which no more than this is kept
        self._judged = 0
        self._pfns: Counter[int] = Counter()
        self._frames: Counter[tuple[str, int]] = Counter()  # boot, pfn
        self._neighbours = 0  # pairs of page frames next to each other in one boot
        self._boots: Counter[str] = Counter()
        self._signs: dict[str, Sign] = {}
        self._one_bits: dict[str, _OneBit] = {}
        self._cases: Counter[str] = Counter()
        self._stacks: Counter[tuple[str, ...]] = Counter()
        self._owner: tuple[str, ...] = ()
        self._owners: tuple[PageOwner, ...] = ()
        self._faults: Counter[tuple[str, str]] = Counter()
        self._fault_boots: Counter[str] = Counter()
        self._page_maps: set[int] = set()  # page frames of "Bad page map"

    def add(self, sighting: Sighting, number: int = 1) -> None:
        """number -1: a cell explains it now."""
        self.events += number
        self._judged += number
        self._count_pfn(sighting.boot, sighting.pfn, number)
        self._boots[sighting.boot] += number
        for sign in sighting.signs:
            known = self._signs.get(sign.code, Sign(sign.code, sign.value, 0))
            self._signs[sign.code] = Sign(sign.code, known.value, known.count + number * sign.count)
        for case in _cases(sighting):
            self._cases[case] += number
        if sighting.bit is not None:
            seen = self._one_bits.setdefault(sighting.bits, _OneBit(sighting.names))
            seen.add(sighting, number)
        if sighting.stack:
            self._stacks[sighting.stack] += number
        self._owner = self._owner or sighting.owner
        self._owners = self._owners or sighting.owners

    def add_fault(self, fault: MemoryFault) -> None:
        """What slab, page poison and others found; not the hardware's."""
        if fault.what == "bad-page-map":
            if fault.pfn is not None and len(self._page_maps) < _MAPS_KEPT:
                self._page_maps.add(fault.pfn)
            return
        if fault.what in HARDWARE:
            return
        self._faults[fault.what, _kind(fault)] += fault.count
        self._fault_boots[fault.boot] += 1

    def verdict(self, t: float) -> PageCorruption | None:
        """None: there is nothing to explain."""
        bit_faults = [what for (what, kind), n in self._faults.items() if n and kind == "bit"]
        if not self.events and not bit_faults:
            return None
        cause, confidence, signs = self._judge()
        stacks = self._stacks.most_common(_STACKS)
        return PageCorruption(
            status="open",
            id="page-corruption",
            t=t,
            cause=cause,
            events=self.events,
            boots=len(+self._boots) or len(self._fault_boots),
            confidence=confidence,
            pages=self.pages,
            signs=tuple(signs),
            stacks=tuple(StackCount(stack, count) for stack, count in stacks if count),
            owner=self._owner,
            owners=self._owners,
        )

    @property
    def pages(self) -> int:
        """Different page frames."""
        return len(+self._pfns)

    def _count_pfn(self, boot: str, pfn: int | None, number: int) -> None:
        if pfn is None:
            return
        self._pfns[pfn] += number
        before = self._frames[boot, pfn] > 0
        self._frames[boot, pfn] += number
        after = self._frames[boot, pfn] > 0
        beside = (self._frames[boot, pfn - 1] > 0) + (self._frames[boot, pfn + 1] > 0)
        self._neighbours += beside * (after - before)

    def _judge(self) -> tuple[str, str, list[Sign]]:
        """Cause, confidence, and what speaks for it, the weightiest first."""
        pages = [Sign("several-pages", str(self.pages))] if self.pages > 1 else []
        software = self._software()
        notes = [sign for sign in self._signs.values() if sign.code in NOTES and sign.count]
        more = [*self._faults_told(), *self._mapped(), *notes, *self._drained(), *self._judged_of()]
        if not software:
            return "unknown", "low", [*pages, *self._open_questions(), *more]
        strong = [sign for sign in software if sign.code not in WEAK]
        confidence = "low"
        if strong:
            confidence = "high" if self.pages > 1 and self._judged > 2 else "medium"
        if all(sign.code == "consecutive" for sign in strong):
            confidence = "medium" if strong else "low"
        return "software", confidence, [*pages, *software, *more]

    def _software(self) -> list[Sign]:
        found = [sign for sign in self._signs.values() if sign.code not in NOTES and sign.count]
        left = self._cases["one-flag-at-free"]
        if left > 1 and self.pages > 1:
            found.append(Sign("flag-left", self._left_names(), left))
        for seen in self._one_bits.values():
            if seen.places > 1 and set(seen.names) & _LIFE:
                found.append(Sign("same-flag", "|".join(seen.names), seen.places))
        if self._neighbours:
            found.append(Sign("consecutive", str(self._neighbours)))
        overwritten = sum(n for (_, kind), n in self._faults.items() if kind == "bytes")
        if overwritten:
            found.append(Sign("poison-overwritten", "", overwritten))
        return found

    def _left_names(self) -> str:
        names = dict.fromkeys(name for seen in self._one_bits.values() for name in seen.names)
        return "|".join(names)

    def _open_questions(self) -> list[Sign]:
        """Why it is not known."""
        cases = self._cases
        codes = [
            "untold",
            "value-hidden",
            "one-flag-at-free",
            "one-flag",
            "one-bit-of-word",
            "no-address",
        ]
        found = [Sign(code, "", cases[code]) for code in codes if cases[code]]
        for seen in self._one_bits.values():
            if seen.moved:
                found.append(Sign("struct-page-again", "|".join(seen.names)))
            elif self.pages == 1 and len(+self._boots) > 1 and len(self._one_bits) == 1:
                found.append(Sign("frame-again", "", len(+self._boots)))
        return found

    def _faults_told(self) -> list[Sign]:
        return [
            Sign(f"one-{kind}-{what}", "", n)
            for (what, kind), n in self._faults.items()
            if kind != "bytes"
        ]

    def _mapped(self) -> list[Sign]:
        """Bad pages that a page table maps wrongly, too."""
        both = [pfn for pfn in self._page_maps if self._pfns[pfn] > 0]
        return [Sign("page-map", hex(both[0]), len(both))] if both else []

    def _judged_of(self) -> list[Sign]:
        return [Sign("judged", str(self._judged))] if self._judged < self.events else []

    def _drained(self) -> list[Sign]:
        drained = any(
            "free_pcppages_bulk" in frame
            for stack, n in self._stacks.items()
            if n
            for frame in stack
        )
        return [Sign("pcp-drained")] if drained else []


def _kind(fault: MemoryFault) -> str:
    """bit, bytes, or count: what a use after free leaves as well as a cell."""
    if fault.bits != 1:
        return "bytes"
    return "count" if (fault.expected, fault.found) in _COUNTED else "bit"


def _cases(sighting: Sighting) -> list[str]:
    """What is open about a sighting that shows no sign of software."""
    if sighting.evidence:
        return []
    cases = []
    if not sighting.told:
        return ["untold"]
    if any(not trigger.bits for trigger in sighting.failed):
        cases.append("value-hidden")
    elif sighting.failed:
        cases.append("one-bit-of-word")
    elif not sighting.bits:
        cases.append("value-hidden")
    else:
        cases.append("one-flag-at-free" if sighting.path == "free" else "one-flag")
    if sighting.word is None:
        cases.append("no-address")
    return cases

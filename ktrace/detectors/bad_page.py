"""Bad pages: is it the kernel, or one bad cell of RAM?

As Linus Torvalds judged three reports of 2009: the struct page moved to another page frame with
mem_map, the wrong bit did not move from its physical address. Software writes words, in its own
structures, at virtual addresses; a cell knows only its physical address.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from ktrace.events import BadPage, EarlierBadPage, Event, Trigger
from ktrace.findings import BadPageFinding, Cell, PageCorruption, RamCell

_PAGE_SIZE = 4096
_TEXT_BYTES = 6  # so many printable bytes in a row in a word of 8: somebody's text
_KERNEL_HALF = 0xFFFF << 48
_LIST_POISON = 0xDEAD << 48  # include/linux/poison.h
SHOWN = 100  # findings that views may look back at
KEPT = 500  # sightings; more of them change no verdict


@dataclass(frozen=True, slots=True)
class Sighting:
    """What of a bad page is kept for the verdict, also over boots in a state file."""

    boot: str
    kernel: str
    t: float
    comm: str
    pfn: int | None
    word: str | None  # physical address of the flags word (and of the struct page)
    bits: str  # offending bits of the flags; empty: none, or not known
    others: tuple[str, ...]  # the other tests that failed: "refcount 0xffffffff"
    path: str
    pattern: str  # text, pointer: what the words of the struct page look like
    stack: tuple[str, ...]  # the frames beneath bad_page()
    owner: tuple[str, ...]

    @property
    def bit(self) -> int | None:
        """The one wrong bit, when nothing else is wrong."""
        bits = int(self.bits, 16) if self.bits else 0
        single = bits.bit_count() == 1 and not self.others
        return bits.bit_length() - 1 if single else None

    @property
    def cell(self) -> tuple[int, int] | None:
        """Physical address of the word, and bit."""
        if self.bit is None or self.word is None:
            return None
        return int(self.word, 16), self.bit

    @property
    def key(self) -> tuple[object, ...]:
        """The same sighting read again has the same key."""
        return self.boot, self.t, self.pfn, self.word, self.bits, self.others


def sighting_of(event: BadPage) -> Sighting:
    """The part of the event that the verdict needs."""
    flags = [trigger for trigger in event.triggered if trigger.what == "flags"]
    return Sighting(
        boot=event.boot,
        kernel=event.kernel,
        t=event.t,
        comm=event.by.comm,
        pfn=event.pfn,
        word=event.page_phys,
        bits=flags[0].bits if flags else "",
        others=tuple(_other(trigger) for trigger in event.triggered if trigger.what != "flags"),
        path=event.path,
        pattern=_pattern(event),
        stack=event.stack[1:6],
        owner=event.owner[:8],
    )


def earlier_sighting(event: EarlierBadPage) -> Sighting:
    """What a state file kept of an earlier boot."""
    kept = {item.name: getattr(event, item.name) for item in fields(Sighting) if item.name != "t"}
    return Sighting(t=event.seen_t, **kept)


def earlier_event(sighting: Sighting, t: float) -> EarlierBadPage:
    """The reverse: t is now."""
    kept = {item.name: getattr(sighting, item.name) for item in fields(Sighting)}
    return EarlierBadPage(t=t, seen_t=kept.pop("t"), **kept)


class BadPages:
    """Feed it all events in order. history: sightings of earlier boots, from a state file."""

    def __init__(self, history: Iterable[Sighting] = ()) -> None:
        self.sightings: list[Sighting] = list(history)[-KEPT // 2 :]
        self.total = 0
        self.recent: deque[BadPageFinding] = deque(maxlen=SHOWN)
        self._known = {sighting.key for sighting in self.sightings}
        self._last: dict[str, RamCell | PageCorruption] = {}

    def feed(self, event: Event) -> list[BadPageFinding | RamCell | PageCorruption]:
        """The bad page, and the verdicts that it makes or changes."""
        if isinstance(event, EarlierBadPage):
            self._remember(earlier_sighting(event))
        if not isinstance(event, BadPage):
            return []
        self.total += 1
        sighting = sighting_of(event)
        found = _finding(event, self.total)
        self.recent.append(found)
        if not self._remember(sighting) and self._last:
            return [found]  # nothing new: what was said holds
        return [found, *self._changes(event.t)]

    @property
    def current(self) -> tuple[RamCell | PageCorruption, ...]:
        """The verdicts that hold now."""
        return tuple(self._last.values())

    def _remember(self, sighting: Sighting) -> bool:
        """False when it is known already, or one too many."""
        if sighting.key in self._known or len(self.sightings) >= KEPT:
            return False
        self._known.add(sighting.key)
        self.sightings.append(sighting)
        return True

    def _changes(self, t: float) -> list[RamCell | PageCorruption]:
        """Verdicts that are new, say more, or no longer hold."""
        changed: list[RamCell | PageCorruption] = []
        current = {verdict.id: verdict for verdict in verdicts(self.sightings, t)}
        for gone in self._last.keys() - current.keys():
            changed.append(replace(self._last.pop(gone), status="resolved", t=t))
        for name, verdict in current.items():
            before = self._last.get(name)
            status = "update" if before else "open"
            if before is None or replace(before, t=t, status=status) != replace(
                verdict, status=status
            ):
                self._last[name] = replace(verdict, status=status)
                changed.append(self._last[name])
        return changed


def verdicts(sightings: list[Sighting], t: float) -> list[RamCell | PageCorruption]:
    """One for each cell that was seen twice, and one for all that no such cell explains."""
    cells: dict[tuple[int, int], list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        if sighting.cell is not None:
            cells[sighting.cell].append(sighting)
    repeated = {cell: seen for cell, seen in cells.items() if len(seen) > 1}
    rest = [sighting for sighting in sightings if sighting.cell not in repeated]
    found: list[RamCell | PageCorruption] = [
        _ram_cell(cell, seen, t) for cell, seen in repeated.items()
    ]
    return [*found, _unexplained(rest, t)] if rest else found


def _ram_cell(cell: tuple[int, int], seen: list[Sighting], t: float) -> RamCell:
    word, bit = cell
    byte = word + bit // 8  # little endian, as all that ktrace reads
    return RamCell(
        status="open",
        id=f"ram-cell-{word:#x}-{bit}",
        t=t,
        cell=Cell(hex(word), bit, hex(byte), bit % 8),
        events=len(seen),
        boots=len(_boots(seen)),
        confidence=_confidence(seen),
        reasoning=_why_ram(cell, seen),
        advice=_what_to_do_about_ram(byte),
    )


def _confidence(seen: list[Sighting]) -> str:
    """High needs a reboot in which the cell came to serve another page frame, or a third boot."""
    boots, frames = len(_boots(seen)), len({sighting.pfn for sighting in seen})
    if boots > 1 and (frames > 1 or boots > 2):
        return "high"
    return "medium" if boots > 1 else "low"


def _why_ram(cell: tuple[int, int], seen: list[Sighting]) -> tuple[str, ...]:
    word, bit = cell
    boots = _boots(seen)
    kernels = list(
        dict.fromkeys(filter(None, (sighting.kernel.split(" ")[0] for sighting in seen)))
    )
    comms = list(dict.fromkeys(sighting.comm for sighting in seen))
    frames = list(dict.fromkeys(_hex(sighting.pfn) for sighting in seen))
    why = [
        f"bit {bit} of the word at physical {word:#x} was wrong {len(seen)} times in "
        f"{_count(len(boots), 'boot')}, and nothing else of the struct page was"
    ]
    if len(frames) > 1:
        why.append(
            f"the page frame changed ({', '.join(frames[:6])}): mem_map moved, the "
            "cell did not. Software does not know physical addresses across boots"
        )
    elif len(boots) > 1:
        why.append(
            f"the page frame was {frames[0]} each time: that a driver or the firmware writes there "
            "at every boot is not ruled out"
        )
    else:
        why.append(
            "all in one boot: a stray write that repeats could look the same; a reboot with "
            "another memory layout (mem=, another kernel) would tell"
        )
    if len(kernels) > 1:
        why.append(f"under {len(kernels)} kernels ({', '.join(kernels[:6])}): no kernel's own bug")
    if len(comms) > 1:
        why.append(
            f"{len(comms)} processes met it ({', '.join(comms[:6])}): they happened to ask for "
            "memory, none of them did it"
        )
    return tuple(why)


def _what_to_do_about_ram(byte: int) -> tuple[str, ...]:
    page = byte & ~(_PAGE_SIZE - 1)
    return (
        "test the memory: memtest86+ over night, or boot with memtest=17 (CONFIG_MEMTEST); a "
        f"module or slot that holds physical {byte:#x} is the one to replace",
        f"until then keep the page away: memmap=4K${page:#x} on the kernel's command line (in "
        "GRUB's configuration the $ needs backslashes: see what /proc/cmdline has after the boot)",
        "distrust what this machine wrote since it began: the same cell may have held file data",
        "do not look for it in the processes named here, nor in the kernel",
    )


def _unexplained(seen: list[Sighting], t: float) -> PageCorruption:
    cause, confidence, why = _judge(seen)
    if len(seen) >= KEPT:
        why.append(f"judged by {len(seen)} of them")
    return PageCorruption(
        status="open",
        id="page-corruption",
        t=t,
        cause=cause,
        events=len(seen),
        boots=len(_boots(seen)),
        confidence=confidence,
        reasoning=(*why, *_where(seen)),
        advice=_what_to_do(cause, seen),
    )


def _judge(seen: list[Sighting]) -> tuple[str, str, list[str]]:
    """Cause, confidence and reasons for bad pages that no repeated cell explains."""
    why = []
    pages = len({sighting.pfn for sighting in seen if sighting.pfn is not None})
    if pages > 1:
        why.append(f"{pages} different pages: one cell cannot be in all of them")
    software = [sign for sighting in seen for sign in _software_signs(sighting, pages)]
    for sign, count in Counter(software).items():
        why.append(sign if count == 1 else f"{sign} ({count} times)")
    if software and pages > 1:
        return "software", "high" if len(seen) > 2 else "medium", why
    if software:
        return "software", "medium", why
    if pages > 1:
        why.append("a single wrong bit in each: several bad cells, or a stray write, both fit")
        return "unknown", "low", why
    return "unknown", "low", [*why, *_single_bit(seen)]


def _software_signs(sighting: Sighting, pages: int) -> list[str]:
    """What a failing cell does not do, in words."""
    signs = []
    bits = int(sighting.bits, 16) if sighting.bits else 0
    if bits.bit_count() > 1:
        signs.append("several flags are wrong at once")
    elif bits and sighting.path == "free" and pages > 1:
        signs.append("freed with a flag that its user should have cleared")
    for other in sighting.others:
        what, _, value = other.partition(" ")
        if not _one_flip(what, int(value, 16) if value else 0):
            signs.append(_MEANS.get(what, f"{what}: not given back to its owner"))
    if sighting.pattern == "text":
        signs.append("the struct page holds text: overwritten")
    elif sighting.pattern == "pointer":
        signs.append("the flags word holds a kernel pointer: overwritten, or used after free")
    return signs


_MEANS = {
    "refcount": "the reference count is wrong: a get or put too many, or a use after free",
    "mapcount": "the map count is wrong: freed while it is mapped, or overwritten",
    "mapping": "mapping is not NULL: freed while it is in use, or overwritten",
    "memcg": "still charged to a memory cgroup: freed past its owner, or overwritten",
}


def _one_flip(what: str, value: int) -> bool:
    """Whether one flipped bit makes this of a word in order, and no plausible count.

    _refcount is 0 then, _mapcount is -1 (and printed one more), mapping is NULL.
    """
    if what == "mapcount":
        value = -value & 0xFFFFFFFF
    return what in _MEANS and value >= 16 and value.bit_count() == 1


def _single_bit(seen: list[Sighting]) -> list[str]:
    why = []
    if not all(sighting.bits or sighting.others for sighting in seen):
        why.append("what was wrong with the page is not told")
    elif all(sighting.path == "free" for sighting in seen):
        why.append(
            "one wrong bit, found when the page was freed: its user may have left it set, or a "
            "cell flipped meanwhile"
        )
    else:
        why.append(
            "one wrong bit, on a page that nobody owned: a flipped cell and a stray write to a "
            "freed page both look like this"
        )
    if all(sighting.word is None for sighting in seen):
        why.append(
            "the physical address of the struct page is not known (the log has it hashed, not at "
            "all, or in a vmemmap that only the page tables resolve): whether it is one cell "
            "cannot be concluded"
        )
    boots = len(_boots(seen))
    bits = {sighting.bits for sighting in seen}
    if boots > 1 and len(bits) == 1:
        why.append(f"the same page frame and bit in {boots} boots point to a cell, but only point")
    return why


def _where(seen: list[Sighting]) -> list[str]:
    """Who freed or allocated, as far as it is told."""
    lines = []
    stacks = Counter(sighting.stack for sighting in seen if sighting.stack)
    for stack, count in stacks.most_common(2):
        lines.append(f"{count} of {len(seen)} found in {' < '.join(stack)}")
    if any("free_pcppages_bulk" in frame for sighting in seen for frame in sighting.stack):
        lines.append(
            "found when the per-CPU list was drained: the task at hand need not be who freed it"
        )
    for sighting in seen:
        if sighting.owner:
            lines.append(f"page_owner: {' | '.join(sighting.owner)}")
            break
    return lines


def _what_to_do(cause: str, seen: list[Sighting]) -> tuple[str, ...]:
    owner = any(sighting.owner for sighting in seen)
    page_owner = () if owner else ("boot with page_owner=on: reports then tell who had the page",)
    if cause == "software":
        return (
            *page_owner,
            "boot with debug_pagealloc=on or a KASAN kernel to catch the write or the use after "
            "free; report it to the driver's or subsystem's list with all of the above",
            "if modules from outside the kernel are loaded, try without them first",
        )
    advice = [
        "keep a state file over boots (`ktrace bad-page --state FILE`): the same physical cell "
        "again, after a reboot, means bad RAM",
        *page_owner,
    ]
    if any(sighting.word is None for sighting in seen):
        advice.insert(
            0,
            "run `ktrace bad-page`: it walks the page tables to the physical address. A log shows "
            "at best the virtual one: no_hash_pointers on the command line (5.12 and later, where "
            "reports print it at all)",
        )
    return tuple(advice)


def _finding(event: BadPage, number: int) -> BadPageFinding:
    return BadPageFinding(
        status="open",
        id=f"bad-page-{number}",
        t=event.t,
        boot=event.boot,
        kernel=event.kernel,
        pid=event.by.pid,
        tid=event.by.tid,
        comm=event.by.comm,
        pfn=event.pfn,
        page=event.page,
        page_phys=event.page_phys,
        flags=event.flags,
        flag_names=event.flag_names,
        fields=event.fields,
        refcount=event.refcount,
        mapcount=event.mapcount,
        mapping=event.mapping,
        memcg=event.memcg,
        triggered=event.triggered,
        path=event.path,
        reason=event.reason,
        stack=event.stack,
    )


def _other(trigger: Trigger) -> str:
    return f"{trigger.what} {trigger.bits}".rstrip()


def _pattern(event: BadPage) -> str:
    """What the flags word, or any word of the struct page, looks like."""
    words = [_word(word) for word in (event.flags, *event.words)]
    if any(_is_text(word) for word in words):
        return "text"
    flags = words[0]
    if flags & _KERNEL_HALF == _KERNEL_HALF or flags & _KERNEL_HALF == _LIST_POISON:
        return "pointer"
    return ""


def _word(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0


def _is_text(word: int) -> bool:
    octets = word.to_bytes(8, "little") if word < 1 << 64 else b""
    longest = run = 0
    for octet in octets:
        run = run + 1 if 0x20 <= octet < 0x7F else 0
        longest = max(longest, run)
    return longest >= _TEXT_BYTES


def _boots(seen: list[Sighting]) -> set[str]:
    return {sighting.boot for sighting in seen}


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _hex(pfn: int | None) -> str:
    return "?" if pfn is None else f"{pfn:x}"

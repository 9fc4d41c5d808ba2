"""What of a bad page is kept for the verdict, also over boots in a state file."""

from dataclasses import fields

from ktrace.detectors.bad_page_signs import (
    NOTES,
    bits_sign,
    failed_signs,
    flipped_bit,
    signs_of,
)
from ktrace.events import BadPage, EarlierBadPage, PageOwner, Sign, Stack, Trigger
from ktrace.record import record
from ktrace.typed_json import Hex

_PAGE_SIZE = 4096
_STRUCT_PAGE = 64  # bytes, where its words are 64 bit and the kernel prints eight of them


@record
class Sighting:
    """One bad page."""

    boot: str
    kernel: str
    t: float
    comm: str
    pfn: int | None
    word: Hex | None  # physical address of the flags word (and of the struct page)
    bits: Hex  # offending bits of the flags; empty: none, or not known
    path: str
    stack: Stack  # the frames beneath bad_page()
    owner: tuple[str, ...]
    names: tuple[str, ...] = ()  # of the offending flags
    failed: tuple[Trigger, ...] = ()  # the other tests that failed
    signs: tuple[Sign, ...] = ()
    offset: int | None = None  # of the struct page in its page of memory, however that is mapped
    virtual: Hex | None = None  # address of the struct page
    owners: tuple[PageOwner, ...] = ()

    @property
    def bit(self) -> int | None:
        """The one wrong bit of the flags, when nothing else is wrong."""
        bits = int(self.bits, 16) if self.bits else 0
        if bits.bit_count() != 1 or self.failed or self.evidence:
            return None
        return bits.bit_length() - 1

    @property
    def cell(self) -> tuple[int, int] | None:
        """Physical address of the word, and bit."""
        if self.word is None:
            return None
        if self.bit is not None:
            return int(self.word, 16), self.bit
        return self._cell_of_failed(int(self.word, 16))

    def _cell_of_failed(self, page: int) -> tuple[int, int] | None:
        """Of the one other word that is wrong, in which bit."""
        if self.bits or self.evidence or len(self.failed) != 1 or self.failed[0].at is None:
            return None
        bit = flipped_bit(self.failed[0])
        return None if bit is None else (page + self.failed[0].at, bit)

    @property
    def evidence(self) -> tuple[Sign, ...]:
        """The signs that speak for software."""
        return tuple(sign for sign in self.signs if sign.code not in NOTES)

    @property
    def told(self) -> bool:
        """Whether it is known what was wrong."""
        return bool(self.bits or self.names or self.failed or self.evidence)

    @property
    def key(self) -> tuple[object, ...]:
        """The same sighting read again has the same key."""
        return self.boot, self.t, self.pfn, self.word, self.bits, self.failed


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
        path=event.path,
        stack=event.stack[1:6],
        owner=event.owner[:8],
        names=flags[0].names if flags else (),
        failed=tuple(trigger for trigger in event.triggered if trigger.what != "flags"),
        signs=signs_of(event),
        offset=_offset(event),
        virtual=event.page,
        owners=event.owners,
    )


def earlier_sighting(event: EarlierBadPage) -> Sighting:
    """What a state file kept of an earlier boot. Of one by ktrace 0.1 the signs are made here."""
    kept = {item.name: getattr(event, item.name) for item in fields(Sighting) if item.name != "t"}
    if event.others or event.pattern:
        kept["failed"] = failed_tests(event.others)
        kept["signs"] = old_signs(event.bits, kept["failed"], event.pattern)
    return Sighting(t=event.seen_t, **kept)


def earlier_event(sighting: Sighting, t: float) -> EarlierBadPage:
    """The reverse: t is now."""
    kept = {item.name: getattr(sighting, item.name) for item in fields(Sighting)}
    return EarlierBadPage(t=t, seen_t=kept.pop("t"), **kept)


def failed_tests(others: tuple[str, ...]) -> tuple[Trigger, ...]:
    """ "refcount 0xffffffff", as ktrace 0.1 wrote them. Raises ValueError."""
    found = []
    for other in others:
        what, _, bits = other.partition(" ")
        int(bits or "0", 16)
        found.append(Trigger(what, bits, ()))
    return tuple(found)


def old_signs(bits: str, failed: tuple[Trigger, ...], pattern: str) -> tuple[Sign, ...]:
    """The signs of what ktrace 0.1 kept."""
    look = [Sign(pattern)] if pattern else []
    return (*failed_signs(failed), *look, *bits_sign(bits, ()))


def _offset(event: BadPage) -> int | None:
    """In a page; a mapping keeps it. Of a 64-bit struct page whose address is not told, by its
    index in a vmemmap (which is aligned)."""
    for address in (event.page_phys, event.page):
        if address is not None:
            return int(address, 16) % _PAGE_SIZE
    if event.pfn is not None and len(event.words) == 8 and len(event.words[0]) > 10:
        return event.pfn * _STRUCT_PAGE % _PAGE_SIZE
    return None

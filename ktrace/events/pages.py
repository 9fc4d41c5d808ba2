"""Pages in a state that cannot be."""

from dataclasses import dataclass
from typing import ClassVar

from ktrace.events.event import Event, Stack, Task


@dataclass(frozen=True, slots=True)
class Trigger:
    """One of the tests that the page failed; all of them are here, not only the kernel's last."""

    what: str  # flags, mapping, mapcount, refcount, memcg, page_pool
    bits: str  # the offending bits or value, hexadecimal; empty: unknown
    names: tuple[str, ...]  # of the bits; empty where they have none


@dataclass(frozen=True, slots=True, kw_only=True)
class BadPage(Event):
    """bad_page() was called (mm/page_alloc.c), or a log has its report. None: not known."""

    name: ClassVar[str] = "bad_page"
    boot: str  # boot id, or "boot N of the log"
    kernel: str = ""  # release; of a log: with the build's number where it is told
    by: Task  # whose context; of a log, pid and tid are 0 where it does not say
    pfn: int | None
    page: str | None  # virtual address of the struct page; None: hashed or absent in the log
    page_phys: str | None  # its physical address
    flags: str
    flag_names: tuple[str, ...]
    fields: tuple[str, ...]  # "zone=1", "node=0"
    refcount: int | None
    mapcount: int | None
    mapping: str | None
    memcg: str | None
    triggered: tuple[Trigger, ...]
    path: str  # alloc, free; empty: unknown
    reason: str  # in the kernel's own words
    stack: Stack
    words: tuple[str, ...]  # the struct page, word by word; empty: unknown
    owner: tuple[str, ...] = ()  # what page_owner=on tells, line by line: who had the page


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierBadPage(Event):
    """What `ktrace bad-page --state` kept of a bad page of an earlier run or boot: it is told at
    the start, so that the recording leads to the same verdicts. t is now."""

    name: ClassVar[str] = "earlier_bad_page"
    seen_t: float  # CLOCK_BOOTTIME of that boot
    boot: str
    kernel: str
    comm: str
    pfn: int | None
    word: str | None  # physical address of the flags word
    bits: str  # offending bits of the flags
    others: tuple[str, ...]
    path: str
    pattern: str
    stack: Stack
    owner: tuple[str, ...]

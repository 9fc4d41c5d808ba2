"""Bad pages, and what explains them."""

from dataclasses import dataclass
from typing import ClassVar

from ktrace.events import Stack, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class BadPageFinding:
    """A page in a state that cannot be. The members are those of ktrace.events.BadPage."""

    finding: ClassVar[str] = "bad-page"
    status: str  # open: it is complete when it is found
    id: str
    t: float
    boot: str
    kernel: str
    pid: int
    tid: int
    comm: str
    pfn: int | None
    page: str | None
    page_phys: str | None
    flags: str
    flag_names: tuple[str, ...]
    fields: tuple[str, ...]
    refcount: int | None
    mapcount: int | None
    mapping: str | None
    memcg: str | None
    triggered: tuple[Trigger, ...]
    path: str
    reason: str
    stack: Stack


@dataclass(frozen=True, slots=True)
class Cell:
    """One bit of physical memory, as a word of the kernel and as a byte."""

    word: str  # physical address of the flags word
    bit: int  # in the word
    byte: str  # physical address of the byte
    byte_bit: int  # in the byte


@dataclass(frozen=True, slots=True, kw_only=True)
class RamCell:
    """Bad pages that one memory cell explains."""

    finding: ClassVar[str] = "ram-cell"
    status: str  # open, update
    id: str
    t: float
    cell: Cell
    events: int
    boots: int
    confidence: str  # high, medium, low
    reasoning: tuple[str, ...]
    advice: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCorruption:
    """Bad pages that one memory cell does not explain: the kernel, or not known."""

    finding: ClassVar[str] = "page-corruption"
    status: str  # open, update
    id: str
    t: float
    cause: str  # software, unknown
    events: int
    boots: int
    confidence: str  # high, medium, low
    reasoning: tuple[str, ...]
    advice: tuple[str, ...]

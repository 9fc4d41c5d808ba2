"""Bad pages, and what explains them."""

from typing import ClassVar

from ktrace.events import PageOwner, Sign, Stack, Trigger
from ktrace.findings.finding import Finding
from ktrace.findings.signature import signature
from ktrace.record import record
from ktrace.typed_json import Hex


@record(kw_only=True)
class BadPageFinding(Finding):
    """A page in a state that cannot be: open, and complete when it is found. The members are those
    of ktrace.events.BadPage."""

    finding: ClassVar[str] = "bad-page"
    boot: str
    kernel: str
    pid: int
    tid: int
    comm: str
    pfn: int | None
    page: Hex | None
    page_phys: Hex | None
    flags: Hex
    flag_names: tuple[str, ...]
    fields: tuple[str, ...]
    refcount: int | None
    mapcount: int | None
    mapping: Hex | None
    memcg: Hex | None
    triggered: tuple[Trigger, ...]
    path: str
    reason: str
    stack: Stack
    unreliable: bool = False  # all of the stack is marked "?"
    lines: tuple[int, ...] = ()  # of a log, first and last

    @property
    def signature(self) -> str:
        failed = "+".join(sorted({trigger.what for trigger in self.triggered}))
        return signature(self.finding, self.stack, failed)


@record
class Cell:
    """One bit of physical memory, as a word of the kernel and as a byte."""

    word: Hex  # physical address of the flags word
    bit: int  # in the word
    byte: Hex  # physical address of the byte
    byte_bit: int  # in the byte


@record(kw_only=True)
class RamCell(Finding):
    """Reports that one place in memory explains."""

    finding: ClassVar[str] = "ram-cell"
    sums_up: ClassVar[bool] = True
    cell: Cell | None  # None: the place is known no more exactly than address and size
    events: int  # bad pages
    boots: int
    confidence: str  # high, medium, low
    pfns: tuple[int, ...] = ()  # page frames that the struct page was of, as they came
    kernels: tuple[str, ...] = ()
    comms: tuple[str, ...] = ()
    address: Hex | None = None  # physical, of what the hardware or memtest reported
    size: int | None = None  # bytes
    signs: tuple[Sign, ...] = ()  # machine-check, edac, cper, memtest; value: the DIMM


@record
class StackCount:
    """How many of the bad pages were found there."""

    stack: Stack
    count: int


@record(kw_only=True)
class PageCorruption(Finding):
    """Reports that no single memory cell explains: the kernel, or not known."""

    finding: ClassVar[str] = "page-corruption"
    sums_up: ClassVar[bool] = True
    cause: str  # software, unknown
    events: int  # bad pages
    boots: int
    confidence: str  # high, medium, low
    pages: int = 0  # different page frames
    signs: tuple[Sign, ...] = ()
    stacks: tuple[StackCount, ...] = ()
    owner: tuple[str, ...] = ()  # what page_owner tells of one of them
    owners: tuple[PageOwner, ...] = ()

    @property
    def signature(self) -> str:
        return signature(self.finding, (), self.cause)

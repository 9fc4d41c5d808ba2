"""Pages in a state that cannot be."""

from typing import Annotated, ClassVar

from ktrace.events.event import Event, Stack, Task
from ktrace.record import record
from ktrace.typed_json import Form, Hex

# As ktrace 0.1 wrote it: "refcount 0xffffffff", "page_pool"
OldFailure = Annotated[str, Form("a failed test", r"[^ ]*( (0x)?[0-9a-fA-F]{1,16})?")]


@record
class Trigger:
    """One of the tests that the page failed; all of them are here, not only the kernel's last."""

    what: str  # flags, mapping, mapcount, page_type, refcount, memcg, page_pool, compound
    bits: Hex  # the offending bits or value, hexadecimal; empty: unknown
    names: tuple[str, ...]  # of the bits, or of the page type; empty where they have none
    at: int | None = None  # bytes from the struct page's beginning to the word; None: not known


@record
class Sign:
    """One thing that speaks for or against a cause. What a code means in words, and what follows
    from it, views/bad_page_reasons.py says."""

    code: str
    value: str = ""  # what was seen: a word in hexadecimal, names, a number
    count: int = 1  # how many reports show it


@record
class PageOwner:
    """What page_owner=on knows of an allocation or a free: __dump_page_owner(), mm/page_owner.c."""

    did: str  # allocated, freed
    pid: int | None
    comm: str
    order: int | None
    gfp: str  # "GFP_NOFS|__GFP_COMP"
    at: float | None  # seconds, of the allocation (of the free where it is one)
    frame: str  # the innermost frame outside the page allocator
    stack: Stack


@record(kw_only=True)
class BadPage(Event):
    """bad_page() was called (mm/page_alloc.c), or a log has its report. None: not known."""

    name: ClassVar[str] = "bad_page"
    boot: str  # boot id, or "boot N of the log"
    kernel: str = ""  # release; of a log: with the build's number where it is told
    by: Task  # whose context; of a log, pid and tid are 0 where it does not say
    pfn: int | None
    page: Hex | None  # virtual address of the struct page; None: hashed or absent in the log
    page_phys: Hex | None  # its physical address
    flags: Hex
    flag_names: tuple[str, ...]
    fields: tuple[str, ...]  # "zone=1", "node=0"
    refcount: int | None
    mapcount: int | None
    mapping: Hex | None
    memcg: Hex | None
    triggered: tuple[Trigger, ...]
    path: str  # alloc, free; empty: unknown
    reason: str  # in the kernel's own words
    stack: Stack
    words: tuple[Hex, ...]  # the struct page, word by word; empty: unknown
    owner: tuple[str, ...] = ()  # what page_owner=on tells, line by line: who had the page
    owners: tuple[PageOwner, ...] = ()  # the same taken apart
    private: Hex | None = None
    lru: tuple[Hex, ...] = ()  # the two words of the list head; empty: not known
    taint: str = ""  # the kernel's letters for it, of a log: "G    B   OE"
    unreliable: bool = False  # all of the stack is marked "?"
    modules: tuple[str, ...] = ()  # loaded ones that are not the kernel's own: "nvidia(POE)"
    lines: tuple[int, ...] = ()  # of the log, first and last


@record(kw_only=True)
class EarlierBadPage(Event):
    """What `ktrace bad-page --state` kept of a bad page of an earlier run or boot: it is told at
    the start, so that the recording leads to the same verdicts. t is now."""

    name: ClassVar[str] = "earlier_bad_page"
    seen_t: float  # CLOCK_BOOTTIME of that boot
    boot: str
    kernel: str
    comm: str
    pfn: int | None
    word: Hex | None  # physical address of the flags word
    bits: Hex  # offending bits of the flags
    path: str
    stack: Stack
    owner: tuple[str, ...]
    names: tuple[str, ...] = ()  # of the offending flags
    failed: tuple[Trigger, ...] = ()  # the other tests that failed
    signs: tuple[Sign, ...] = ()
    offset: int | None = None  # of the struct page in the page that it lies in
    virtual: Hex | None = None  # address of the struct page
    owners: tuple[PageOwner, ...] = ()
    others: tuple[OldFailure, ...] = ()  # instead of failed, in traces of ktrace 0.1
    pattern: str = ""  # instead of signs, there: text, pointer


@record(kw_only=True)
class MemoryFault(Event):
    """A kernel log's other reports of memory that did not keep what was written there.

    what, and where the kernel prints it:
    machine-check   a memory error with an address, arch/x86/kernel/cpu/mce/core.c
    edac            drivers/edac/edac_mc.c: "1 CE ... on DIMM_A1 (... page:0x1f684 offset:0x8c0 ..."
    cper            drivers/firmware/efi/cper.c: "physical_address: 0x..." of a memory error
    memtest         mm/memtest.c: "bad mem addr 0x... - 0x... reserved"
    slab            mm/slub.c: "Poison overwritten", "Redzone overwritten"; mm/slab.c, until 6.7
    page-poison     mm/page_poison.c: "pagealloc: single bit error", "pagealloc: memory corruption"
    btrfs-key       two keys in fs/btrfs/tree-checker.c's words that differ in one bit, or a block's
                    generation and the one that its parent has
    bad-page-map    print_bad_pte(), mm/memory.c: "Bad page map in process"

    "Memory failure: 0x19d0: ..." (mm/memory-failure.c) is none: madvise() and tests inject those.
    """

    name: ClassVar[str] = "memory_fault"
    boot: str
    what: str
    title: str = ""  # the kernel's own words
    address: Hex | None = None  # physical, where the kernel prints such; a hash is none
    size: int | None = None  # bytes from address on, in one of which the fault is
    virtual: Hex | None = None  # of slab and page-poison, where it is not hashed
    pfn: int | None = None  # of bad-page-map
    expected: str = ""  # the bytes that should be there, hexadecimal: "6b6b6b"; empty: not told
    found: str = ""  # those that are
    bits: int | None = None  # how many bits are wrong; 1: "Single bit error detected"
    count: int = 1  # errors that the report stands for
    corrected: bool = False  # by the hardware: no data was lost
    label: str = ""  # of the DIMM, as EDAC or CPER name it
    pte: Hex | None = None  # of bad-page-map

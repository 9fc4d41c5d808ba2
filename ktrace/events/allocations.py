"""Large allocations, by where they are made; the free blocks that they are made of."""

from typing import ClassVar

from ktrace.events.event import Event, Stack, Task
from ktrace.record import record
from ktrace.typed_json import Hex


@record(kw_only=True)
class AllocationSite(Event):
    """A call site's large allocations since tracing began, by the tasks of one name and cgroup;
    told once a second while it makes any.

    Calls that may not sleep are one site whatever the task: an interrupt may have made them."""

    name: ClassVar[str] = "allocation_site"
    site: int  # the number of this site
    what: str  # pages, vmalloc, percpu; warning: the kernel's log has a report of a failure
    task: Task  # of the newest call; where `interrupt` holds, whom it interrupted
    interrupt: bool  # an interrupt asks, not the task
    cgroup: str | None  # path in v2
    order: int  # of what is no block of pages: that of the pages that it takes
    gfp: str  # "": what is no block of pages does not tell
    gfp_mask: Hex | None
    may_wait: bool | None  # __GFP_DIRECT_RECLAIM; None, also below: not known
    no_retry: bool | None  # __GFP_NORETRY
    no_warn: bool | None  # __GFP_NOWARN
    first_t: float
    last_t: float
    calls: int
    bytes: int  # of those that succeeded
    failed: int
    failed_t: float | None  # the newest
    waited: int  # calls that reclaimed or compacted memory themselves
    waited_s: float  # from when they began with that until they had memory, or had failed
    longest_s: float
    longest_t: float | None  # when the longest ended
    reclaim_s: float  # of waited_s, inside of direct reclaim
    compaction_s: float  # of waited_s, inside of direct compaction
    waits: tuple[int, ...]  # [n]: waits of at least 2^n us, and less than twice that
    live: int | None  # not yet freed; None: not known
    live_bytes: int | None
    oldest_t: float | None  # since when the oldest of those has been there
    stack: Stack


@record(kw_only=True)
class AllocationsLeftOut(Event):
    """What the kernel's tables had no room for, since tracing began."""

    name: ClassVar[str] = "allocations_left_out"
    calls: int  # of sites that are not told
    failures: int  # failed ones among them
    waits: int  # that nobody timed
    live: int  # allocations whose end is not seen
    steals: int
    missed: int | None  # times that a probe was not run, as an interrupt came while it ran


@record
class ZoneBlocks:
    """A line of /proc/buddyinfo."""

    node: int
    zone: str
    free: tuple[int, ...]  # blocks by order


@record
class TypeBlocks:
    """A migrate type of a zone, of /proc/pagetypeinfo."""

    node: int
    zone: str
    type: str  # Unmovable, Movable, Reclaimable, HighAtomic, CMA, Isolate
    free: tuple[int, ...]  # blocks by order, 100000 at the most
    pageblocks: int | None


@record(kw_only=True)
class FreeBlocks(Event):
    """Free memory by the size of its blocks, as it was at looked_t."""

    name: ClassVar[str] = "free_blocks"
    looked_t: float
    page_kib: int
    zones: tuple[ZoneBlocks, ...]
    types_t: float | None  # when the next was read, which is more seldom; None: it cannot be
    types: tuple[TypeBlocks, ...]
    pageblock_order: int | None


@record
class Steal:
    """Free blocks of one migrate type that tasks of this name took for another."""

    task: Task  # of the newest
    taken_for: str
    taken_from: str
    count: int
    pages: int  # of those blocks
    whole: int | None  # blocks of a pageblock's size or more among them; None: that is not known
    last_t: float


@record(kw_only=True)
class BlocksStolen(Event):
    """kmem:mm_page_alloc_extfrag since tracing began, most pages first."""

    name: ClassVar[str] = "blocks_stolen"
    steals: tuple[Steal, ...]

"""Large allocations that failed, or held up who made them."""

from typing import ClassVar

from ktrace.events import Stack, Steal, Task
from ktrace.findings.finding import Finding
from ktrace.findings.signature import signature
from ktrace.record import record


@record
class ZoneState:
    """Free blocks of a zone, seen by a request of an order. Sizes are KiB."""

    node: int
    zone: str
    free_kib: int
    unusable_kib: int  # of free_kib, in blocks that are smaller than the request
    largest_kib: int  # of its free blocks
    suitable: int  # blocks of that order that the free ones give
    index: float | None  # extfrag_index; None: the kernel says -1, the request would not fail
    suitable_by_type: dict[str, int]  # the same, by migrate type; empty: not known


@record(kw_only=True)
class LargeAllocation(Finding):
    """A call site whose large allocations fail, wait, or lead to an OOM kill. Numbers are since
    tracing began."""

    finding: ClassVar[str] = "large-alloc"
    reason: str  # failed, stalled, oom
    function: str  # who asks: the innermost that is not the allocator's own
    module: str  # that it is in; "": the kernel image
    use: str  # what for, as far as the stack tells: kmalloc, slab, DMA, pages, ...
    contiguous: str  # needs it pages that lie together: needed, not-needed, not-known
    what: str  # pages, vmalloc, percpu
    pid: int
    tid: int
    comm: str
    interrupt: bool  # an interrupt asked, while that task ran
    cgroup: str | None
    order: int
    size_kib: int  # of one request
    gfp: str
    may_wait: bool | None  # None, also below: the flags are not known
    calls: int
    failed: int
    failed_t: float | None
    waited: int
    waited_s: float
    longest_s: float
    reclaim_s: float
    compaction_s: float
    live: int | None
    live_bytes: int | None
    zones: tuple[ZoneState, ...]  # at the last look before; empty: nobody looked
    looked_t: float | None
    stolen: tuple[Steal, ...]  # the largest of all until then
    victim: Task | None  # of reason oom
    killed_t: float | None
    kill_id: str | None = None  # of the oom-kill finding about that kill
    kill_cause: str | None = None  # why it came, as of an oom-kill
    stack: Stack

    @property
    def signature(self) -> str:
        return signature(self.finding, self.stack, self.reason)

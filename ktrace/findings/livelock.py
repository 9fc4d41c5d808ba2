"""OOM handling that makes no progress."""

from typing import ClassVar

from ktrace.events import Stack, Task
from ktrace.findings.finding import Finding
from ktrace.findings.signature import signature
from ktrace.record import record


@record
class Setter:
    """Who wrote an oom_score_adj, seen while tracing, and of which process."""

    pid: int
    comm: str
    t: float
    of: int  # the kernel gives it to all that share the mm of this one


@record
class MmSharer:
    """Another process with the same mm. None: it is outside the domain, nobody looked."""

    pid: int
    comm: str | None
    oom_score_adj: int | None
    threads: int | None


@record
class ProtectedTask:
    """A process of the domain with oom_score_adj -1000. Sizes are KiB."""

    pid: int
    comm: str
    oom_score_adj: int
    threads: int
    rss_kib: int
    inherited_from: Task | None  # the eldest of its unbroken line of ancestors with -1000
    set_by: Setter | None  # of its own value, a sharer's or that ancestor's; None: not seen
    shares_mm_with: tuple[MmSharer, ...] | None  # None: not known


@record
class Spinner:
    """A thread that comes back to ask for memory."""

    pid: int
    tid: int
    comm: str
    calls: int
    in_fault: bool | None  # from a page fault, which tries again for ever


@record
class Undead:
    """An OOM victim that has not exited yet.

    found_by: kill (its kill was seen), domain (a walk over the tasks found an OOM victim in the
    domain), walk (a walk found one; whether it is of this domain is not known).
    """

    pid: int
    comm: str
    for_s: float | None  # since it was chosen; None: that was not seen
    step: str | None  # the last that it reached; None: not seen
    stuck: str | None  # id of the stuck-task finding
    state: str | None
    function: str | None  # where it waits
    found_by: str = "kill"


@record
class MemoryChange:
    """A counter of the domain's memory at the first look and at the newest."""

    name: str
    before_kib: int
    after_kib: int


@record
class OomEnd:
    """How a livelock ended. how: signal (a caller died of it), quiet (no more calls)."""

    how: str
    after_s: float
    task: Task | None = None
    signal: int | None = None
    by: Task | None = None


@record(kw_only=True)
class OomLivelock(Finding):
    """The OOM killer, or reclaim before it, is called again and again without progress."""

    finding: ClassVar[str] = "oom-livelock"
    reason: str  # nobody, victim, no-gain, retry
    domain: str | None  # path of the memory cgroup; None: the machine
    call: str  # what is called again and again: out_of_memory, reclaim_retry_zone, compact_retry
    constraint: str
    since_t: float
    lasted_s: float
    limit_kib: int | None
    usage_kib: int | None
    calls: int  # since since_t
    calls_per_s: float
    kills: int | None  # None: not measured, no probe could see one
    results: dict[str, int]  # killed, nobody, waits, other; empty where they are not known
    cpus: float | None  # CPU time that the callers burn, 1.0: one CPU
    processes: int | None  # of the domain
    protected: tuple[ProtectedTask, ...]
    spinning: tuple[Spinner, ...]
    victim: Undead | None  # of reason victim; None: not known
    freed_kib: int | None  # resident memory of the victims when they were chosen; None: not known
    causes: tuple[str, ...]  # of no-gain: respawn, shmem, locked, kernel, protected
    memory: tuple[MemoryChange, ...]
    stack: Stack  # of the busiest caller
    outcome: OomEnd | None = None
    cgroup_id: int | None = None  # kernfs id; None: not recorded, or the machine

    @property
    def signature(self) -> str:
        return signature(self.finding, (), self.reason)

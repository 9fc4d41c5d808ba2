"""The OOM killer: its invocations, kills, victims, reaper, domains."""

from typing import ClassVar

from ktrace.events.event import ContainerNames, Event, Stack, Task
from ktrace.record import record
from ktrace.typed_json import Hex


@record(kw_only=True)
class OutOfMemory(Event):
    """out_of_memory() was called: `by` could not allocate."""

    name: ClassVar[str] = "out_of_memory"
    by: Task
    order: int
    gfp: str
    gfp_mask: Hex
    memcg: str | None  # path of the memory cgroup at its limit; None: the machine
    cgroup_id: int | None = None  # its kernfs id; 0: the machine; None: not recorded


@record(kw_only=True)
class OomKill(Event):
    """oom_kill_process() was called with a chosen victim. Sizes are KiB."""

    name: ClassVar[str] = "oom_kill"
    by: Task
    victim: Task
    order: int
    gfp: str
    gfp_mask: Hex
    constraint: str  # of enum oom_constraint: CONSTRAINT_NONE, CONSTRAINT_MEMCG, ...
    oom_score_adj: int
    points: int  # oom_badness(), pages
    totalpages: int
    uid: int
    threads: int
    total_vm_kib: int
    anon_rss_kib: int
    file_rss_kib: int
    shmem_rss_kib: int
    pgtables_kib: int
    cgroup: str
    invoked_t: float | None = None  # when `by` entered out_of_memory(); None: not known
    domain_id: int | None = None  # kernfs id of the memory cgroup at its limit; as cgroup_id above
    names: ContainerNames | None = None  # of the container of `cgroup`; None: not known


@record(kw_only=True)
class OomVictim(Event):
    """mark_oom_victim(): the thread's group may use the memory reserves now."""

    name: ClassVar[str] = "oom_victim"
    by: Task
    tid: int
    pid: int = 0  # of its thread group; 0: not known, the tracepoint had only the tid before v6.10


@record(kw_only=True)
class OomReap(Event):
    """A step of the OOM reaper for a victim: wake, start, finish or skip."""

    name: ClassVar[str] = "oom_reap"
    step: str
    tid: int
    rss_kib: int | None = None  # resident memory of the victim at this step


@record(kw_only=True)
class OomAdjust(Event):
    """`by` has set the task's oom_score_adj.

    __set_oom_adj() of fs/proc/base.c sets that of every process that shares the task's mm too,
    without an event for those: 44a70adec910 ("mm, oom_adj: make sure processes sharing mm have
    same view of oom_score_adj"), v4.8. A vfork child is left out as long as its parent waits.
    """

    name: ClassVar[str] = "oom_adjust"
    by: Task
    task: Task
    oom_score_adj: int


@record
class OomCaller:
    """A thread that asks for memory again and again."""

    task: Task
    calls: int  # since tracing began
    first_t: float
    last_t: float
    in_fault: bool | None  # from a page fault; None: its stack is not known


@record(kw_only=True)
class OomActivity(Event):
    """Calls of a domain so far, counted in the kernel; read once a second while there are new ones.

    A domain is a memory cgroup at its limit, or the machine. The results add up to less than
    calls where what came of them is not known.
    """

    name: ClassVar[str] = "oom_activity"
    call: str  # out_of_memory, reclaim_retry_zone, compact_retry
    memcg: str | None  # path of the memory cgroup; None: the machine
    first_t: float
    last_t: float
    calls: int
    killed: int  # results: a victim was chosen
    nobody: int  # no process can be killed
    waits: int  # a previous victim has not exited
    other: int  # the caller is dying itself, or memory was found elsewhere
    constraint: str  # of enum oom_constraint; "" while no call has returned
    order: int  # of the newest call
    gfp: str
    callers: tuple[OomCaller, ...]  # the busiest
    stack: Stack  # of the busiest
    cgroup_id: int | None = None  # as of OutOfMemory


@record
class DomainTask:
    """A process that the OOM killer looks at. Sizes are KiB."""

    pid: int
    comm: str
    ppid: int
    state: str  # the letter of /proc/PID/status
    threads: int
    oom_score_adj: int
    anon_rss_kib: int
    file_rss_kib: int
    shmem_rss_kib: int
    locked_kib: int
    swap_kib: int
    cpu_s: float | None  # user and system time of all its threads
    sharers: tuple[int, ...] | None  # pids of others with the same mm; None: not known
    protected_by: tuple[Task, ...]  # its unbroken line of ancestors with -1000, nearest first


@record
class MemoryCount:
    """A counter of the domain's memory, by the kernel's own name for it."""

    name: str
    kib: int


@record(kw_only=True)
class OomDomain(Event):
    """A look into /proc and the cgroup at a domain that keeps calling out_of_memory()."""

    name: ClassVar[str] = "oom_domain"
    memcg: str | None
    processes: int
    limit_kib: int | None
    usage_kib: int | None
    memory: tuple[MemoryCount, ...]
    tasks: tuple[DomainTask, ...]  # the protected ones first, then the largest
    cgroup_id: int | None = None  # as of OutOfMemory
    # by how much anonymous memory of the cgroup grew within the seconds that were looked at before;
    # None: of the machine, or it was not looked at
    grown_kib: int | None = None
    grown_over_s: float | None = None


@record
class OomTask:
    """A row of the table of tasks in a report of the OOM killer."""

    pid: int
    comm: str
    rss_pages: int
    oom_score_adj: int


@record(kw_only=True)
class OomReport(Event):
    """A report of the OOM killer in a kernel log. None: the log does not say. Sizes are KiB."""

    name: ClassVar[str] = "oom_report"
    boot: str
    kernel: str
    by: Task | None  # pid and tid are 0 where the log does not say
    victim: Task | None  # None: nobody could be killed, or the log ends before
    order: int | None
    gfp: str | None
    gfp_mask: Hex | None
    constraint: str | None
    cgroup: str | None  # the victim's
    uid: int | None
    oom_score_adj: int | None
    total_vm_kib: int | None
    anon_rss_kib: int | None
    file_rss_kib: int | None
    shmem_rss_kib: int | None
    pgtables_kib: int | None
    memcg: str | None = None  # path of the memory cgroup at its limit; None: the machine
    nobody: bool = False  # it says that no process could be killed
    panic: str = ""  # why the kernel panicked instead of killing, in its words
    manual: bool = False  # SysRq-f asked for it
    group: bool = False  # killed with the victim of the report before, by its memory.oom.group
    memory: tuple[MemoryCount, ...] = ()  # of the zones, swap, slab, the memory cgroup
    tasks: tuple[OomTask, ...] = ()  # those with the most resident memory
    lines: tuple[int, ...] = ()  # of the log, first and last


@record(kw_only=True)
class OomUnreaped(Event):
    """A log's "oom_reaper: unable to reap pid": the reaper gave up on the victim's memory."""

    name: ClassVar[str] = "oom_unreaped"
    boot: str
    kernel: str
    victim: Task
    stack: Stack  # where the victim is; empty: the log does not say
    lines: tuple[int, ...]


@record(kw_only=True)
class OomReaped(Event):
    """A log's "oom_reaper: reaped process": the reaper took the victim's memory. None: the log does
    not say. Sizes are KiB; those of the resident memory are what is left."""

    name: ClassVar[str] = "oom_reaped"
    boot: str
    kernel: str
    victim: Task
    anon_rss_kib: int | None
    file_rss_kib: int | None
    shmem_rss_kib: int | None
    freed_kib: int | None  # since its kill, by the reaper or by its own exit
    after_s: float | None  # since the report of its kill began
    lines: tuple[int, ...]

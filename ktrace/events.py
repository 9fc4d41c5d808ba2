"""Typed records of what a kernel did, whatever source they come from.

Times are seconds of CLOCK_BOOTTIME, rounded to microseconds. Bits that mean something only to the
kernel that set them (task state, gfp mask, addresses) are decoded by the source, so that a trace
can be read on another machine; addresses and masks are kept beside as hexadecimal strings.
"""

import functools
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar

from ktrace.typed_json import build

Stack = tuple[str, ...]  # symbols, innermost first: "squashfs_cache_get+0x323 [squashfs]"


@dataclass(frozen=True, slots=True)
class Task:
    """A thread: pid is its thread group's id."""

    pid: int
    tid: int
    comm: str


@dataclass(frozen=True, slots=True)
class SquashfsCall:
    """The newest call of squashfs_cache_get() (fs/squashfs/cache.c) by a thread."""

    t: float
    cache: str  # address of struct squashfs_cache, hexadecimal
    name: str  # of the cache: fragment, metadata, data; empty without BTF of the module
    device: str  # super_block.s_id
    block: int  # byte position on the device


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that the kernel did at time t."""

    name: ClassVar[str]
    t: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfMemory(Event):
    """out_of_memory() was called: `by` could not allocate."""

    name: ClassVar[str] = "out_of_memory"
    by: Task
    order: int
    gfp: str
    gfp_mask: str
    memcg: str | None  # path of the memory cgroup at its limit; None: the machine


@dataclass(frozen=True, slots=True, kw_only=True)
class OomKill(Event):
    """oom_kill_process() was called with a chosen victim. Sizes are KiB."""

    name: ClassVar[str] = "oom_kill"
    by: Task
    victim: Task
    order: int
    gfp: str
    gfp_mask: str
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


@dataclass(frozen=True, slots=True, kw_only=True)
class OomVictim(Event):
    """mark_oom_victim(): the thread's group may use the memory reserves now."""

    name: ClassVar[str] = "oom_victim"
    by: Task
    tid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OomReap(Event):
    """A step of the OOM reaper for a victim: wake, start, finish or skip."""

    name: ClassVar[str] = "oom_reap"
    step: str
    tid: int
    rss_kib: int | None = None  # resident memory of the victim at this step


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True)
class OomCaller:
    """A thread that asks for memory again and again."""

    task: Task
    calls: int  # since tracing began
    first_t: float
    last_t: float
    in_fault: bool | None  # from a page fault; None: its stack is not known


@dataclass(frozen=True, slots=True, kw_only=True)
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
    nobody: int  # there is nobody who may be killed
    waits: int  # an earlier victim is not dead
    other: int  # the caller is dying itself, or memory was found elsewhere
    constraint: str  # of enum oom_constraint; "" while no call has returned
    order: int  # of the newest call
    gfp: str
    callers: tuple[OomCaller, ...]  # the busiest
    stack: Stack  # of the busiest


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class MemoryCount:
    """A counter of the domain's memory, by the kernel's own name for it."""

    name: str
    kib: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OomDomain(Event):
    """A look into /proc and the cgroup at a domain that keeps calling out_of_memory()."""

    name: ClassVar[str] = "oom_domain"
    memcg: str | None
    processes: int
    limit_kib: int | None
    usage_kib: int | None
    memory: tuple[MemoryCount, ...]
    tasks: tuple[DomainTask, ...]  # the protected ones first, then the largest


@dataclass(frozen=True, slots=True, kw_only=True)
class FatalSignal(Event):
    """SIGKILL was generated for a task, or a signal that ends its group as SIGKILL would.

    complete_signal() of kernel/signal.c gives every thread SIGKILL then. si_code 128 is SI_KERNEL,
    0 SI_USER.
    """

    name: ClassVar[str] = "fatal_signal"
    by: Task
    target: Task
    signal: int
    group: bool
    si_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskExit(Event):
    """A thread that dies by a signal has let go of its memory (sched_process_exit)."""

    name: ClassVar[str] = "task_exit"
    task: Task
    exit_code: int  # as of wait(2): the low seven bits are the signal


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDead(Event):
    """The last switch away from a killed thread: it is gone, or a zombie."""

    name: ClassVar[str] = "task_dead"
    task: Task
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState(Event):
    """One look at a thread that is killed and not dead, or asleep uninterruptibly."""

    name: ClassVar[str] = "task_state"
    task: Task
    ppid: int
    source: str  # walk: iter/task; switch: sched_switch; sampled: /proc
    start_t: float  # the thread's birth; with the tid, its identity
    asleep_t: float | None  # when this sleep began; None: nobody saw it begin
    switches: int  # context switches so far
    state: str  # as ktrace.kernel.task_state names it
    state_flags: str  # "TASK_UNINTERRUPTIBLE|TASK_FREEZABLE"
    on_cpu: bool
    killed: tuple[str, ...]  # of pending, shared, group; empty: nobody kills it
    group_exit_code: int
    oom_victim: bool
    stack: Stack
    top: Stack  # the scheduler's and wait primitives' frames above stack, found by a scan
    squashfs: SquashfsCall | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHung(Event):
    """khungtaskd found the task not switching (sched_process_hang)."""

    name: ClassVar[str] = "task_hung"
    task: Task


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


@dataclass(frozen=True, slots=True, kw_only=True)
class OomReport(Event):
    """A report of the OOM killer in a kernel log. None: the log does not say. Sizes are KiB."""

    name: ClassVar[str] = "oom_report"
    boot: str
    kernel: str
    by: Task | None  # pid and tid are 0 where the log does not say
    victim: Task | None  # None: nobody could be killed, or the log ends before
    order: int | None
    gfp: str | None
    gfp_mask: str | None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class HungReport(Event):
    """khungtaskd's report in a kernel log: the task slept uninterruptibly for so long."""

    name: ClassVar[str] = "hung_report"
    boot: str
    kernel: str
    task: Task
    blocked_s: int | None
    stack: Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk(Event):
    """All tasks have been looked at: whoever has no TaskState since started_t is not killed."""

    name: ClassVar[str] = "walk"
    started_t: float
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost(Event):
    """Events did not reach ktrace; count is the total since the start, per kind of event."""

    name: ClassVar[str] = "lost"
    what: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeChange(Event):
    """A probe was attached or lost while tracing: its module came or went."""

    name: ClassVar[str] = "probe_change"
    function: str
    hook: str
    state: str
    why: str


EVENTS: dict[str, type[Event]] = {
    kind.name: kind
    for kind in (
        OutOfMemory,
        OomKill,
        OomVictim,
        OomReap,
        OomAdjust,
        OomActivity,
        OomDomain,
        FatalSignal,
        TaskExit,
        TaskDead,
        TaskState,
        TaskHung,
        BadPage,
        EarlierBadPage,
        OomReport,
        HungReport,
        Walk,
        Lost,
        ProbeChange,
    )
}


def to_json(record: Any) -> Any:
    """A dataclass as plain JSON types; an event also says its kind and name."""
    if type(record) in _PLAIN:
        return record
    if isinstance(record, tuple | list):
        return [to_json(item) for item in record]
    if is_dataclass(record):
        kind: Any = type(record)
        head, names = _shape(kind)
        return head | {name: to_json(getattr(record, name)) for name in names}
    return record


_PLAIN = frozenset({str, int, float, bool, type(None)})


@functools.cache
def _shape(kind: Any) -> tuple[dict[str, str], tuple[str, ...]]:
    """What a record's JSON begins with, and its members: looking at fields is slow."""
    head = {"kind": "event", "event": kind.name} if issubclass(kind, Event) else {}
    return head, tuple(f.name for f in fields(kind))


def from_json(data: dict[str, Any]) -> Event:
    """The event of a JSON object. Raises ValueError saying what is wrong with it."""
    kind = EVENTS.get(str(data.get("event")))
    if kind is None:
        raise ValueError(f"unknown event {str(data.get('event'))!r:.60}")
    return build(kind, data, kind.name)

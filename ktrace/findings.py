"""What the user came for: conclusions, and the records that frame them."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ktrace.events import Stack, Task, Trigger, to_json
from ktrace.typed_json import build


@dataclass(frozen=True, slots=True)
class Killed:
    """Who killed the thread: the OOM killer, a signal, or its own group's exit."""

    by: str  # oom, signal, exit
    signal: int
    pid: int | None  # of the sender; for oom: of the task that asked for memory
    comm: str | None
    t: float | None  # None: SIGKILL was sent before ktrace looked


@dataclass(frozen=True, slots=True)
class Wait:
    """Where the thread sleeps."""

    function: str
    primitive: str  # of the wait_event family, or mutex_lock, wait_for_completion, ...
    sigkill_wakes: bool


@dataclass(frozen=True, slots=True)
class Blocker:
    """A thread in the way of the stuck one."""

    pid: int
    tid: int
    comm: str
    state: str
    function: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended. exit_signal None: the thread went away unseen."""

    exit_signal: int | None
    after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckTask:
    """A thread that was killed and has not died."""

    finding: ClassVar[str] = "stuck-task"
    status: str  # open, update, resolved
    id: str
    t: float
    pid: int
    tid: int
    comm: str
    state: str
    stuck_s: float  # since SIGKILL, or at least: since ktrace first saw it killed
    killed: Killed
    wait: Wait | None
    stack: Stack
    blocked_by: tuple[Blocker, ...]
    outcome: Outcome | None = None


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


@dataclass(frozen=True, slots=True)
class Setter:
    """Who wrote an oom_score_adj, seen while tracing, and of which process."""

    pid: int
    comm: str
    t: float
    of: int  # the kernel gives it to all that share the mm of this one


@dataclass(frozen=True, slots=True)
class MmSharer:
    """Another process with the same mm. None: it is outside the domain, nobody looked."""

    pid: int
    comm: str | None
    oom_score_adj: int | None
    threads: int | None


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Spinner:
    """A thread that comes back to ask for memory."""

    pid: int
    tid: int
    comm: str
    calls: int
    in_fault: bool | None  # from a page fault, which tries again for ever


@dataclass(frozen=True, slots=True)
class Undead:
    """An OOM victim that is not dead."""

    pid: int
    comm: str
    for_s: float  # since it was chosen
    step: str  # the last that it reached
    stuck: str | None  # id of the stuck-task finding
    state: str | None
    function: str | None  # where it waits


@dataclass(frozen=True, slots=True)
class MemoryChange:
    """A counter of the domain's memory at the first look and at the newest."""

    name: str
    before_kib: int
    after_kib: int


@dataclass(frozen=True, slots=True)
class OomEnd:
    """How a livelock ended. how: signal (a caller died of it), quiet (no more calls)."""

    how: str
    after_s: float
    task: Task | None = None
    signal: int | None = None
    by: Task | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OomLivelock:
    """The OOM killer, or reclaim before it, is called again and again and nothing gets better."""

    finding: ClassVar[str] = "oom-livelock"
    status: str  # open, update, resolved
    id: str
    t: float
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
    kills: int
    results: dict[str, int]  # killed, nobody, waits, other; empty where they are not known
    cpus: float | None  # CPU time that the callers burn, 1.0: one CPU
    processes: int | None  # of the domain
    protected: tuple[ProtectedTask, ...]
    spinning: tuple[Spinner, ...]
    victim: Undead | None
    freed_kib: int  # resident memory of the victims, when they were chosen
    causes: tuple[str, ...]  # of no-gain: respawn, shmem, locked, kernel, protected
    memory: tuple[MemoryChange, ...]
    stack: Stack  # of the busiest caller
    outcome: OomEnd | None = None


Finding = StuckTask | BadPageFinding | RamCell | PageCorruption | OomLivelock
FINDINGS: dict[str, type[Finding]] = {
    StuckTask.finding: StuckTask,
    BadPageFinding.finding: BadPageFinding,
    RamCell.finding: RamCell,
    PageCorruption.finding: PageCorruption,
    OomLivelock.finding: OomLivelock,
}


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """The finding as one JSON object."""
    return {"kind": "finding", "finding": finding.finding, **to_json(finding)}


def finding_from_json(data: dict[str, Any]) -> Finding:
    """The finding of a JSON object. Raises ValueError saying what is wrong with it."""
    kind = FINDINGS.get(str(data.get("finding")))
    if kind is None:
        raise ValueError(f"unknown finding {str(data.get('finding'))!r:.60}")
    return build(kind, data, kind.finding)


@dataclass(frozen=True, slots=True)
class Probe:
    """What became of a function that ktrace wants to hook."""

    function: str
    hook: str  # fentry, kprobe, tp_btf, raw_tp, iter; "" when there is none
    state: str  # attached, waiting, missing
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The head of a run: what traced what, and how."""

    ktrace: str
    format: int
    command: str
    host: str
    kernel: str
    boot_id: str
    machine: str
    clock: str = "CLOCK_BOOTTIME"
    t: float
    wall: str  # UTC, ISO 8601, at t
    loader: str
    stuck_after: float
    probes: tuple[Probe, ...]
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"kind": "session", **to_json(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Session":
        """Raises ValueError saying what is wrong with data."""
        return build(cls, data, "session")


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The foot of a run."""

    t: float
    lost: int
    lost_by: dict[str, int] = field(default_factory=dict)
    findings: int
    verdict: str  # found, clean, inconclusive
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"kind": "end", **to_json(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "End":
        """Raises ValueError saying what is wrong with data."""
        return build(cls, data, "end")

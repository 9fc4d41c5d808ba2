"""What the command line asks of a live run."""

from ktrace.record import record
from ktrace.task_filter import NO_FILTER, TaskFilter

DEFAULT_SPILL = "/run"  # a file system in memory, which does not hang with a disk


@record(kw_only=True)
class Options:
    """Shared by all live commands."""

    command: str  # ktrace's: oom-hang, record, ...
    agent: str | None = None  # where the stream of a board's agent comes from; None: trace here
    duration: float | None = None  # seconds
    record: str | None = None  # path of the trace
    force: bool = False  # overwrite it
    max_size: int | None = None  # bytes of it
    spill: str = DEFAULT_SPILL  # folder for the rest of it, if its file system hangs
    traces: str | None = None  # folder of a trace in segments
    segment_size: int = 64 << 20  # bytes of one, at most about
    segment_age: float = 3600.0  # seconds
    keep: int = 1 << 30  # bytes of all
    before: float | None = None  # seconds before a finding; None: segments have everything
    redact: bool = False  # no names in it
    stuck_after: float = 1.0  # seconds
    blocked_after: float | None = None  # seconds; of tasks that nobody killed
    state: str | None = None  # a file that keeps what is known over reboots
    on_finding: str | None = None  # "stop", or "shell:CMD"
    action_user: str | None = None  # whom CMD runs as; None: see ktrace.live.identity
    run: tuple[str, ...] = ()  # COMMAND and its arguments
    command_user: str | None = None  # whom COMMAND runs as; None: as ktrace
    keep_running: bool = False  # COMMAND, when the run ends before it
    strict: bool = False  # a COMMAND that fails makes a clean run inconclusive
    loader: str = "auto"
    filter: TaskFilter = NO_FILTER  # of the tasks that are shown and judged
    min_order: int | None = None  # of large allocations, where they are traced
    stalled_after: float | None = None  # seconds that one of those waits
    also: tuple[str, ...] = ()  # problems whose hooks are hot, traced all the same
    all_waits: bool = False  # wait chains of every sleeper in D, not only where somebody is killed

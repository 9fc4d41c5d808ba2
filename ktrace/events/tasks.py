"""Tasks: signals, states, exits."""

from dataclasses import field
from typing import ClassVar

from ktrace.events.event import ContainerNames, Event, Stack, Task
from ktrace.events.squashfs import SquashfsCall
from ktrace.record import record


@record(kw_only=True)
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


@record(kw_only=True)
class TaskExit(Event):
    """A thread that dies by a signal is inside do_exit() (sched_process_exit)."""

    name: ClassVar[str] = "task_exit"
    task: Task
    exit_code: int  # as of wait(2): the low seven bits are the signal
    mm_held: bool = False  # it still has its mm: the tracepoint comes before exit_mm()


@record(kw_only=True)
class TaskDead(Event):
    """The last switch away from a killed thread: it is gone, or a zombie."""

    name: ClassVar[str] = "task_dead"
    task: Task
    exit_code: int


@record
class ExitLeft:
    """What a thread in do_exit() has still to let go of."""

    what: str  # descriptors, files, pages
    count: int
    file: str = ""  # of which these are the pages: "inode 12 of tmpfs on tmpfs"


@record(kw_only=True)
class TaskState(Event):
    """One look at a killed thread that is still alive, or at an uninterruptible sleeper."""

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
    # return addresses on its stack, where that cannot be unwound: its frames are among them
    possible: Stack = ()
    cpu: int | None = None  # on which it runs, or last ran
    # when it last stopped running, by the scheduler's clock, which is read anew at each look: of
    # two looks at one sleep the first says it
    off_cpu_t: float | None = field(default=None, compare=False)
    # of a killed one's mm, as long as it has it or unmaps it; None: not known
    rss_kib: int | None = None
    mm_held: bool | None = None  # False: exit_mm() has taken the mm from it; None: not known
    # besides its memory, of one that is dying, as far as known
    exit_left: tuple[ExitLeft, ...] = ()
    # path in cgroup v2, or of the memory cgroup where v2 holds nobody; None: not known
    cgroup: str | None = None
    names: ContainerNames | None = None  # of the cgroup's container; None: not known


@record(kw_only=True)
class TaskRuns(Event):
    """A sample of a thread that runs and that others wait for (perf's CPU clock)."""

    name: ClassVar[str] = "task_runs"
    task: Task
    cpu: int
    stack: Stack  # in the kernel, innermost first; empty: it was in user space


@record(kw_only=True)
class TaskHung(Event):
    """khungtaskd found the task not switching (sched_process_hang)."""

    name: ClassVar[str] = "task_hung"
    task: Task


@record(kw_only=True)
class HungReport(Event):
    """khungtaskd's report in a kernel log: the task slept uninterruptibly for so long."""

    name: ClassVar[str] = "hung_report"
    boot: str
    kernel: str
    task: Task
    blocked_s: int | None
    stack: Stack
    how: str = "blocked"  # blocked, io_wait (6.18 and later tell it apart), cannot_die
    lock: str = ""  # "mutex", "semaphore", ...: what it waits for, where the kernel says
    owner: Task | None = None  # who likely holds it
    owner_stack: Stack = ()
    unreliable: bool = False  # all of the stack is marked "?"
    lines: tuple[int, ...] = ()  # of the log, first and last


@record(kw_only=True)
class TaskDump(Event):
    """A task that SysRq-w or SysRq-t, or the kernel in trouble, has shown in a log."""

    name: ClassVar[str] = "task_dump"
    boot: str
    kernel: str
    task: Task
    state: str  # the kernel's letter: D, S, R, ...
    stack: Stack
    unreliable: bool
    lines: tuple[int, ...]

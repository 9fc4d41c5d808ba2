"""Killed threads that have not died."""

import re
from dataclasses import field
from typing import ClassVar

from ktrace.events import Stack
from ktrace.findings.finding import Finding
from ktrace.findings.signature import signature
from ktrace.kernel.wait_functions import function_of, primitive_name
from ktrace.record import record


@record
class Killed:
    """Who killed the thread: the OOM killer, a signal, or its own group's exit."""

    by: str  # oom, signal, exit
    signal: int
    pid: int | None  # of the sender; for oom: of the task that invoked the OOM killer
    comm: str | None
    t: float | None  # None: SIGKILL was pending before tracing started, or nobody saw it sent
    # what the OOM killer had to do with it: chosen, mm (it shares the victim's), group (a member of
    # the victim's memory.oom.group), exiting (it was dying already); "": nothing, or not known
    why: str = ""


@record
class Wait:
    """Where the thread sleeps."""

    function: str
    primitive: str  # of the wait_event family, or mutex_lock, wait_for_completion, ...
    sigkill_wakes: bool


@record
class WaitsFor:
    """What a thread waits for."""

    kind: str  # mutex, rwsem, block-io, ...: docs/waits.md
    object: str  # its address, hexadecimal; empty: not known
    detail: str  # what it is, in the kernel's words


@record
class Release:
    """What ends a wait. command: empty where nothing in user space does."""

    text: str
    command: str


@record
class Runs:
    """Where a thread runs, by a sample; another sample is no other finding."""

    cpu: int | None = field(compare=False)
    stack: Stack = field(compare=False)  # innermost first; empty: it was in user space


@record
class Blocker:
    """A thread that another one waits for; itself blocked by others, to the end of the chain."""

    pid: int
    tid: int
    comm: str
    state: str
    function: str | None
    why: str
    evidence: tuple[str, ...] = ()  # by what it is known that it holds what is waited for
    wait: WaitsFor | None = None  # what it waits for itself; None: for nothing, or not known
    # when its sleep began, or else when it last had a CPU; None: it does not sleep, or not known
    since: float | None = field(default=None, compare=False)
    killed: bool = False
    release: Release | None = None  # what ends its own wait
    blocked_by: tuple["Blocker", ...] = ()
    blockers_left_out: int = 0  # of very many only some are listed
    cycle_to: int | None = None  # the tid, further up in the chain, that it is: a deadlock
    runs: Runs | None = None  # None: it does not run, or nobody knows where


@record
class Outcome:
    """How it ended. exit_signal None: the thread went away unseen."""

    exit_signal: int | None
    after_s: float
    # from SIGKILL until the last user of the mm has released it; None: not yet, or nobody saw it
    memory_freed_after_s: float | None = None


@record
class ExitProgress:
    """Where a dying thread is in do_exit(), and what became of its memory in the last seconds."""

    phase: str  # exit_mm, exit_files, ...: what do_exit() has called; empty: not known
    rss_kib: int | None  # what its mm still has; None: not known, or not its own any more
    kib_per_s: float | None  # how fast that shrinks; None: not measured
    # what it has still to let go of besides: what shrinks, or else the first that was counted
    left: str = ""  # descriptors, files, pages; empty: nothing counted
    left_count: int | None = None
    left_per_s: float | None = None  # how fast that shrinks; None: not measured
    left_of: str = ""  # the file whose pages they are: "inode 12 of tmpfs on tmpfs"

    @property
    def slow(self) -> bool:
        """It makes progress: slow, and not stuck."""
        rates = (self.kib_per_s, self.left_per_s)
        return any(rate is not None and rate > 0 for rate in rates)

    @property
    def measured(self) -> bool:
        return self.kib_per_s is not None or self.left_per_s is not None


@record(kw_only=True)
class StuckTask(Finding):
    """A thread that was killed and has not died.

    state, wait, stack and blocked_by are of one look: the newest, and when it has died, one at the
    place where it was for the longest time.
    """

    finding: ClassVar[str] = "stuck-task"
    pid: int
    tid: int
    comm: str
    state: str
    stuck_s: float  # since SIGKILL, or at least: since ktrace first saw it killed
    killed: Killed
    wait: Wait | None
    stack: Stack
    blocked_by: tuple[Blocker, ...]
    waits_for: WaitsFor | None = None  # None: not known
    release: Release | None = None  # what ends its wait
    outcome: Outcome | None = None
    blockers_left_out: int = 0  # of very many only some are listed
    dying: ExitProgress | None = None  # None: it has not come to do_exit()
    cgroup: str | None = None  # None: not known; what is next follows from it
    unit: str | None = None  # of the system's systemd
    container: str | None = None  # its id, or its name where the runtime names cgroups so
    runtime: str | None = None  # of the container: docker, containerd, cri-o, podman, lxc, ...
    pod: str | None = None  # its uid
    container_name: str | None = None  # as its runtime calls it
    pod_name: str | None = None
    namespace: str | None = None  # of Kubernetes
    # of one whose stack cannot be unwound: its frames are among these, in order
    possible_stack: Stack = ()

    @property
    def slow(self) -> bool:
        """It dies, slowly: not stuck."""
        return self.dying is not None and self.dying.slow

    @property
    def signature(self) -> str:
        return wait_signature(self.stack, self.wait)


# One problem, whoever saw it: khungtaskd's log, a look at all tasks, a look at killed ones
_WAITS = "hung-task"
_HOW = re.compile(r"(?:_(?:killable|interruptible|idle|freezable|timeout))+$")
_NO_FRAMES = ("wait_event", "unknown")


def wait_signature(stack: Stack, wait: Wait | None) -> str:
    """By the primitive in which it waits, and the functions beneath. A live stack has no frames of
    primitives, as the kernel leaves them out of it, and a log's has: so they are left out here."""
    primitive = _HOW.sub("", wait.primitive) if wait else ""
    named = "" if stack and primitive in _NO_FRAMES else primitive
    beneath = [frame for frame in stack if primitive_name(function_of(frame)) is None]
    return signature(_WAITS, beneath, named)


@record(kw_only=True)
class BlockedTask(Finding):
    """A task that sleeps in D, killed or not."""

    finding: ClassVar[str] = "blocked-task"
    pid: int
    tid: int
    comm: str
    state: str
    blocked_s: float  # at least
    killed: bool
    wait: Wait | None
    stack: Stack
    waits_for: WaitsFor | None
    release: Release | None
    blocked_by: tuple[Blocker, ...]
    blockers_left_out: int = 0
    # by what blocked_s is known: two looks (so long ktrace has seen this sleep), sched_switch,
    # sched_info.last_arrival (of task_struct: since when the task has no CPU)
    age_by: str = "two looks"
    cgroup: str | None = None  # None: not known; what is next follows from it
    unit: str | None = None  # of the system's systemd
    container: str | None = None  # its id, or its name where the runtime names cgroups so
    runtime: str | None = None  # of the container: docker, containerd, cri-o, podman, lxc, ...
    pod: str | None = None  # its uid
    container_name: str | None = None  # as its runtime calls it
    pod_name: str | None = None
    namespace: str | None = None  # of Kubernetes

    @property
    def signature(self) -> str:
        return wait_signature(self.stack, self.wait)

"""Killed threads that have not died."""

from dataclasses import dataclass
from typing import ClassVar

from ktrace.events import Stack
from ktrace.findings.finding import Finding
from ktrace.findings.signature import signature


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Wait:
    """Where the thread sleeps."""

    function: str
    primitive: str  # of the wait_event family, or mutex_lock, wait_for_completion, ...
    sigkill_wakes: bool


@dataclass(frozen=True, slots=True)
class Blocker:
    """A thread that blocks the stuck one."""

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
    outcome: Outcome | None = None
    blockers_left_out: int = 0  # of very many only some are listed

    @property
    def signature(self) -> str:
        return wait_signature(self.finding, self.stack, self.wait)


def wait_signature(kind: str, stack: Stack, wait: Wait | None) -> str:
    """By the stack; without one by what it waits for."""
    primitive = wait.primitive if wait else ""
    return signature(kind, stack, "" if stack else primitive)

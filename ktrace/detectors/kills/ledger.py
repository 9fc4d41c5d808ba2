"""The ledger of kills: who was killed by whom, why, each step, and how it ended.

Everything else that tells of kills is derived from it: stuck tasks, OOM kill timelines, the times
to death that are compared.
"""

from collections import deque
from collections.abc import Callable, Iterable
from signal import SIGKILL
from typing import Any

from ktrace.detectors.kills.book import KEPT, Book
from ktrace.detectors.kills.changes import Change, ThreadEnded
from ktrace.detectors.kills.kill import Kill, Step
from ktrace.detectors.kills.oom import OomKiller
from ktrace.events import (
    Event,
    FatalSignal,
    OomDomain,
    OomKill,
    OomMemory,
    OomReap,
    OomVictim,
    OutOfMemory,
    TaskDead,
    TaskExit,
    TaskState,
    Walk,
)
from ktrace.kernel.signals import EXIT_SIGNAL, SI_KERNEL


class Kills:
    """Feed it all events in order."""

    def __init__(self, kept: int | None = KEPT) -> None:
        """kept None: keeps every kill. That is for traces, not for live runs."""
        self._book = Book(kept)
        self._oom = OomKiller(self._book)
        self.not_followed = 0  # too many at once: a walk may find them, not knowing since when
        self._handlers: dict[type[Event], Callable[[Any], None]] = {
            OutOfMemory: self._oom.invoke,
            OomKill: self._oom.choose,
            FatalSignal: self._send,
            OomVictim: self._oom.mark,
            OomMemory: self._oom.remember_memory,
            OomDomain: self._oom.remember_domain,
            OomReap: self._oom.reap,
            TaskState: self._look,
            TaskExit: self._exit,
            TaskDead: self._die,
            Walk: self._walk,
        }

    @property
    def kills(self) -> deque[Kill]:
        """The newest, also those that are over."""
        return self._book.kills

    @property
    def total(self) -> int:
        return self._book.total

    @property
    def oom(self) -> deque[Kill]:
        """The newest of the OOM killer."""
        return self._book.oom

    @property
    def oom_total(self) -> int:
        return self._book.oom_total

    @property
    def open(self) -> Iterable[Kill]:
        """Kills that are not over, the oldest first."""
        return self._book.open.values()

    @property
    def threads_left_out(self) -> int:
        """Of the kill that had the most: threads too many to be looked after."""
        return self._book.threads_left_out

    @property
    def changes(self) -> list[Change]:
        """What the newest event changed."""
        return self._book.changes

    def feed(self, event: Event) -> list[Change]:
        """What it changes."""
        self._book.changes = []
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)
        return self._book.changes

    def undecided(self, t: float, stuck_after: float) -> int:
        """Kills of which nobody can say at t whether they got stuck: not over, and too young, or
        nobody has looked at them since."""
        return sum(_is_undecided(kill, t, stuck_after) for kill in self.open)

    def finish(self, t: float) -> None:
        """The trace has ended at t: who was alive at the last look has lived until then. Call it
        once; nothing may be fed after it."""
        for kill in list(self.open):
            kill.live_until(t)
            if not kill.threads and kill.deaths and kill.deaths >= (kill.expected or 0):
                self._book.end(kill)

    def _send(self, event: FatalSignal) -> None:
        kill = self._book.open.get(event.target.pid)
        is_first = kill is None
        if kill is None:
            if self._book.full:
                self.not_followed += 1
                return
            kill = self._book.add(_killed(event))
        elif kill.sent:
            kill.again = event
        if event.target.tid != event.target.pid:
            self._book.remember(event.target.tid, kill)
        self._oom.send(kill, event, is_first)

    def _walk(self, walk: Walk) -> None:
        for kill in list(self.open):
            self._book.walked(kill, walk)

    def _look(self, sample: TaskState) -> None:
        if not sample.killed:
            return
        tid = sample.task.tid
        kill = self._kill_of(sample)
        if sample.state == "zombie":
            if kill:
                code = sample.group_exit_code & EXIT_SIGNAL
                self._book.thread_ended(kill, tid, sample.t, code, died=True)
                self._book.check(kill)
            return
        if kill is None:
            kill = self._book.add(_found(sample))
        known = kill.threads.get(tid)
        if known and known.sample.start_t != sample.start_t:
            self._book.thread_ended(kill, tid, sample.t, None, died=False)
        kill.look(sample)

    def _kill_of(self, sample: TaskState) -> Kill | None:
        """The process's kill. A thread that was born after it is another process's."""
        pid, tid, book = sample.task.pid, sample.task.tid, self._book
        kill = book.open.get(pid)
        if kill is None and tid in book.open and book.open[tid].victim.comm == "?":
            kill = book.name(tid, pid)
            kill.victim = sample.task
        if kill and sample.start_t > kill.t:
            book.lose(kill, sample.t)
            again = kill.again
            kill = None
            if again and again.t >= sample.start_t:
                kill = book.add(_killed(again))
        ended = book.ended.get(pid)
        if kill is None and ended and sample.start_t <= ended.t and sample.state != "zombie":
            kill = book.reopen(pid)
        return kill

    def _exit(self, event: TaskExit) -> None:
        self._oom.exit(event.task.tid)
        kill = self._book.open.get(event.task.pid)
        if kill and not event.mm_held:
            kill.exit(event.task.tid, event.t)
            self._book.check(kill)

    def _die(self, event: TaskDead) -> None:
        kill = self._book.open.get(event.task.pid)
        if kill is None:
            return
        signal = event.exit_code & EXIT_SIGNAL
        thread = kill.die(event.task, event.t, signal)
        if thread:
            self._book.changes.append(ThreadEnded(kill, thread, event.t, signal))
        self._book.check(kill)


def _is_undecided(kill: Kill, t: float, stuck_after: float) -> bool:
    if kill.threads:
        looks = ((thread.sample.t, thread.first_t) for thread in kill.threads.values())
        return any(
            seen_t - (kill.t if kill.t_known else first_t) < stuck_after
            for seen_t, first_t in looks
        )
    if kill.deaths:
        return kill.deaths < (kill.expected or 0) or t - kill.t < stuck_after
    return True


def _killed(event: FatalSignal) -> Kill:
    kill = Kill(event.target, "signal", event.by, event.t, t_known=True, signal=event.signal)
    kill.by_kernel = event.si_code == SI_KERNEL
    kill.add(Step("SIGKILL", event.t))
    return kill


def _found(sample: TaskState) -> Kill:
    """Nobody saw who killed it."""
    signal = sample.group_exit_code & EXIT_SIGNAL
    by = "signal"
    if sample.oom_victim:
        by, signal = "oom", int(SIGKILL)
    elif sample.killed == ("pending",) and not signal:
        by = "exit"  # another thread called exit_group(), or exec
    return Kill(sample.task, by, None, sample.t, t_known=False, signal=signal or int(SIGKILL))

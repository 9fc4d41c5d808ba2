"""Threads that were killed and do not die."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ktrace.detectors import squashfs
from ktrace.detectors.waits import wait_of
from ktrace.events import (
    Event,
    FatalSignal,
    OomKill,
    OomVictim,
    TaskDead,
    TaskState,
    Walk,
)
from ktrace.findings import Killed, Outcome, StuckTask

SIGKILL = 9
_SI_KERNEL = 128  # include/uapi/asm-generic/siginfo.h
_EXIT_SIGNAL = 0x7F  # of an exit code, wait(2)


@dataclass(slots=True)
class _Thread:
    """A killed thread, as last seen."""

    sample: TaskState
    since: float  # SIGKILL, or else the first look that found it killed
    open: StuckTask | None = None


class StuckTasks:
    """Feed it all events in order. Judges at each Walk, when every thread has been looked at.

    A thread is stuck that has been killed for stuck_after seconds and is not dead, whatever its
    state; a zombie is dead.
    """

    def __init__(self, stuck_after: float) -> None:
        self._stuck_after = stuck_after
        self._kills: dict[int, Killed] = {}  # by thread group
        self._sent: dict[int, FatalSignal] = {}  # newest, by target's tid
        self._oom: dict[int, OomKill] = {}  # newest choice of the OOM killer, by victim's pid
        self._threads: dict[int, _Thread] = {}
        self._sleepers: dict[int, TaskState] = {}  # not killed; may be in the way
        self.open: dict[str, StuckTask] = {}
        self.zombies: dict[int, TaskState] = {}
        self.total = 0
        self.longest_s = 0.0

    def feed(self, event: Event) -> Iterator[StuckTask]:
        """The findings that event leads to."""
        match event:
            case FatalSignal():
                self._note_kill(event)
            case OomKill():
                self._oom[event.victim.pid] = event
            case OomVictim():
                self._note_oom_victim(event)
            case TaskState():
                self._note_state(event)
            case TaskDead():
                yield from self._note_death(event)
            case Walk():
                yield from self._judge(event)

    def age(self, finding: StuckTask, t: float) -> float:
        """Seconds that an open finding's thread has been stuck at time t."""
        return max(finding.stuck_s, round(finding.stuck_s + t - finding.t, 6))

    def _note_kill(self, event: FatalSignal) -> None:
        pid = event.target.pid
        self._sent[event.target.tid] = event
        known = self._kills.get(pid)
        if known and known.t is not None and self._alive(pid):
            return  # it did not die of the first one: that is when its story began
        chosen = self._oom.get(pid)
        if event.si_code == _SI_KERNEL and chosen and chosen.by.tid == event.by.tid:
            self._kills[pid] = Killed("oom", event.signal, chosen.by.pid, chosen.by.comm, event.t)
        else:
            self._kills[pid] = Killed("signal", event.signal, event.by.pid, event.by.comm, event.t)

    def _alive(self, pid: int) -> bool:
        return any(thread.sample.task.pid == pid for thread in self._threads.values())

    def _note_oom_victim(self, event: OomVictim) -> None:
        """__oom_kill_process() sends SIGKILL, then marks the victim: mm/oom_kill.c."""
        sent = self._sent.get(event.tid)
        if sent is None or sent.by.tid != event.by.tid:
            return
        pid = sent.target.pid
        known = self._kills.get(pid)
        if known and known.t == sent.t:
            self._kills[pid] = replace(known, by="oom")

    def _note_state(self, sample: TaskState) -> None:
        tid = sample.task.tid
        if not sample.killed:
            self._sleepers[tid] = sample
            return
        if sample.state == "zombie":
            self.zombies[tid] = sample
            return
        thread = self._threads.get(tid)
        if thread is None or thread.sample.start_t != sample.start_t:
            kill = self._kill_of(sample)
            since = kill.t if kill.t is not None else sample.t
            self._threads[tid] = _Thread(sample, since)
        else:
            thread.sample = sample

    def _kill_of(self, sample: TaskState) -> Killed:
        known = self._kills.get(sample.task.pid)
        if known and known.t is not None and known.t >= sample.start_t:
            return known
        if sample.oom_victim:
            return Killed("oom", SIGKILL, None, None, None)
        # SIGKILL without a signal in the group's exit code: another thread called exit_group()
        signal = sample.group_exit_code & _EXIT_SIGNAL
        if sample.killed == ("pending",) and not signal:
            return Killed("exit", SIGKILL, None, None, None)
        return Killed("signal", signal or SIGKILL, None, None, None)

    def _note_death(self, event: TaskDead) -> Iterator[StuckTask]:
        thread = self._threads.pop(event.task.tid, None)
        if event.task.tid == event.task.pid:
            self._sent.pop(event.task.tid, None)
        if thread and thread.open:
            outcome = Outcome(event.exit_code & _EXIT_SIGNAL, round(event.t - thread.since, 6))
            yield self._resolve(thread, event.t, outcome)

    def _judge(self, walk: Walk) -> Iterator[StuckTask]:
        for tid, thread in sorted(self._threads.items()):
            if thread.sample.t >= walk.started_t:
                yield from self._judge_thread(thread, walk.t)
            elif walk.complete:
                yield from self._gone(tid, walk.t)
        if walk.complete:
            self._forget(walk.started_t)

    def _judge_thread(self, thread: _Thread, t: float) -> Iterator[StuckTask]:
        stuck_s = round(t - thread.since, 6)
        self.longest_s = max(self.longest_s, stuck_s if thread.open else 0.0)
        if stuck_s < self._stuck_after:
            return
        finding = self._describe(thread, t, stuck_s)
        if thread.open is None:
            self.total += 1
            self.longest_s = max(self.longest_s, stuck_s)
        elif _same(thread.open, finding):
            return
        thread.open = finding
        self.open[finding.id] = finding
        yield finding

    def _describe(self, thread: _Thread, t: float, stuck_s: float) -> StuckTask:
        sample = thread.sample
        others = [*self._sleepers.values(), *(other.sample for other in self._threads.values())]
        return StuckTask(
            status="update" if thread.open else "open",
            id=f"stuck-{sample.task.tid}-{sample.start_t:.6f}",
            t=t,
            pid=sample.task.pid,
            tid=sample.task.tid,
            comm=sample.task.comm,
            state=sample.state,
            stuck_s=stuck_s,
            killed=self._kill_of(sample),
            wait=wait_of(sample),
            stack=sample.stack,
            blocked_by=squashfs.blockers(sample, others),
        )

    def _gone(self, tid: int, t: float) -> Iterator[StuckTask]:
        """It is in no walk any more, and nobody saw it die: it was dead before this walk."""
        thread = self._threads.pop(tid)
        if thread.open:
            zombie = self.zombies.get(tid)
            signal = zombie.group_exit_code & _EXIT_SIGNAL if zombie else None
            yield self._resolve(thread, t, Outcome(signal, round(t - thread.since, 6)))

    def _resolve(self, thread: _Thread, t: float, outcome: Outcome) -> StuckTask:
        assert thread.open is not None
        self.open.pop(thread.open.id, None)
        self.longest_s = max(self.longest_s, outcome.after_s)
        return replace(
            thread.open, status="resolved", t=t, stuck_s=outcome.after_s, outcome=outcome
        )

    def _forget(self, before: float) -> None:
        """Drop what a complete walk no longer found, so that memory stays small."""
        for seen in (self._sleepers, self.zombies):
            for tid in [tid for tid, sample in seen.items() if sample.t < before]:
                del seen[tid]
        alive = {thread.sample.task.pid for thread in self._threads.values()}
        for pid, kill in list(self._kills.items()):
            if pid not in alive and kill.t is not None and kill.t < before - 1.0:
                del self._kills[pid]
                self._oom.pop(pid, None)
        for tid, sent in list(self._sent.items()):
            if sent.t < before - 1.0 and sent.target.pid not in alive:
                del self._sent[tid]


def _same(known: StuckTask, new: StuckTask) -> bool:
    """Nothing but time has passed."""
    return (known.state, known.killed, known.wait, known.blocked_by) == (
        new.state,
        new.killed,
        new.wait,
        new.blocked_by,
    )

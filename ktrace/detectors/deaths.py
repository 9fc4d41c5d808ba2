"""Every killed thread group, from SIGKILL to its last thread's death, and where it was."""

from dataclasses import dataclass, field

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

_EXIT_SIGNAL = 0x7F  # of an exit code, wait(2)
_SI_KERNEL = 128  # include/uapi/asm-generic/siginfo.h


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a killed thread was. Function "" where its stack is not known."""

    function: str
    primitive: str  # of the wait; else the state in angle brackets: "<exiting>", "<running>"


@dataclass(slots=True)
class Victim:
    """A killed thread group. Times are seconds of CLOCK_BOOTTIME."""

    pid: int
    comm: str
    t: float  # of the first signal that ends it; else of the first look that found it killed
    t_known: bool  # False: it was killed before ktrace looked
    signal: int
    by: str  # oom, signal
    last_t: float  # newest sign of it
    died_t: float | None = None  # of the last thread that was seen to die
    exit_signal: int | None = None
    unseen: bool = False  # it was gone, and nobody saw it die: last_t is a lower bound
    spent: dict[Place, float] = field(default_factory=dict)  # seconds, over its threads
    # those that were seen killed and not dead: when last, and where
    threads: dict[int, tuple[float, Place | None]] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        return bool(self.threads) or (self.died_t is None and not self.unseen)

    @property
    def seen(self) -> bool:
        """Somebody saw it killed or dead; else the signal may have met a zombie."""
        return self.died_t is not None or bool(self.spent)

    @property
    def after_s(self) -> float:
        """From SIGKILL to death; of one that lives or was not seen to die: at least."""
        ended = self.last_t if self.alive or self.died_t is None else self.died_t
        return max(0.0, round(ended - self.t, 6))

    @property
    def exact(self) -> bool:
        """Is after_s the time to death, or less than it?"""
        return self.t_known and self.died_t is not None and not self.threads

    @property
    def place(self) -> Place | None:
        """Where its threads were longest; None if they were never looked at."""
        return max(sorted(self.spent), key=lambda place: self.spent[place], default=None)

    def look(self, sample: TaskState) -> None:
        """One of its threads, killed and not dead."""
        self._leave(sample.task.tid, sample.t)
        place = place_of(sample)
        self.spent.setdefault(place, 0.0)
        self.threads[sample.task.tid] = (sample.t, place)
        self.last_t = max(self.last_t, sample.t)

    def die(self, event: TaskDead) -> None:
        """One of its threads."""
        self._leave(event.task.tid, event.t)
        self.died_t = self.last_t = max(self.last_t, event.t)
        signal = event.exit_code & _EXIT_SIGNAL
        if self.exit_signal is None or event.task.tid == self.pid:
            self.exit_signal = signal

    def end(self, walk: Walk) -> None:
        """A complete walk: threads that it no longer found are gone."""
        for tid, (seen_t, _) in list(self.threads.items()):
            if seen_t < walk.started_t:
                self._leave(tid, seen_t)
        self.unseen = not self.threads and self.died_t is None and self.t < walk.started_t

    def live_until(self, t: float) -> None:
        """The trace has ended: threads that were there at the last look were there until then."""
        for tid, (_, place) in list(self.threads.items()):
            self._leave(tid, t)
            self.threads[tid] = (t, place)
            self.last_t = max(self.last_t, t)

    def _leave(self, tid: int, t: float) -> None:
        since, place = self.threads.pop(tid, (t, None))
        if place is not None:
            self.spent[place] += max(0.0, t - since)


class Deaths:
    """Feed it all events in order. Keeps every victim: it is for traces, not for live runs."""

    def __init__(self) -> None:
        self.victims: list[Victim] = []
        self._newest: dict[int, Victim] = {}  # by pid
        self._chosen: set[int] = set()  # pids that the OOM killer chose, not yet killed

    def feed(self, event: Event) -> None:
        match event:
            case OomKill():
                self._chosen.add(event.victim.pid)
            case FatalSignal():
                self._kill(event)
            case OomVictim():
                self._mark(event)
            case TaskState() if event.killed:
                self._look(event)
            case TaskDead():
                victim = self._newest.get(event.task.pid)
                if victim is not None:
                    victim.die(event)
            case Walk() if event.complete:
                self._walk(event)

    def finish(self, t: float) -> None:
        """The trace has ended at t: who was alive at the last look has lived until then."""
        for victim in self.victims:
            victim.live_until(t)

    def _kill(self, event: FatalSignal) -> None:
        pid = event.target.pid
        known = self._newest.get(pid)
        if known is not None and known.alive:
            return  # it did not die of the first one: that is when its story began
        by_oom = pid in self._chosen and event.si_code == _SI_KERNEL
        self._chosen.discard(pid)
        self._add(
            Victim(
                pid=pid,
                comm=event.target.comm,
                t=event.t,
                t_known=True,
                signal=event.signal,
                by="oom" if by_oom else "signal",
                last_t=event.t,
            )
        )

    def _mark(self, event: OomVictim) -> None:
        """__oom_kill_process() of mm/oom_kill.c sends SIGKILL, then marks the victim."""
        for victim in reversed(self.victims):
            if victim.pid == event.tid or event.tid in victim.threads:
                if victim.alive:
                    victim.by = "oom"
                return

    def _look(self, sample: TaskState) -> None:
        victim = self._newest.get(sample.task.pid)
        if sample.state == "zombie":
            return
        if victim is None:
            victim = Victim(
                pid=sample.task.pid,
                comm=sample.task.comm,
                t=sample.t,
                t_known=False,
                signal=sample.group_exit_code & _EXIT_SIGNAL or 9,
                by="oom" if sample.oom_victim else "signal",
                last_t=sample.t,
            )
            self._add(victim)
        victim.look(sample)

    def _walk(self, walk: Walk) -> None:
        for victim in self._newest.values():
            victim.end(walk)
        for pid in [pid for pid, victim in self._newest.items() if not victim.alive]:
            del self._newest[pid]

    def _add(self, victim: Victim) -> None:
        self.victims.append(victim)
        self._newest[victim.pid] = victim


def place_of(sample: TaskState) -> Place:
    """Where a thread is at this look."""
    wait = wait_of(sample)
    if wait is None or sample.state == "exiting":
        return Place(wait.function if wait else "", f"<{sample.state}>")
    return Place(wait.function, wait.primitive)

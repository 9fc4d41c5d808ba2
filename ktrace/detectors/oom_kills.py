"""The OOM killer's kills, one record each, from choice to death."""

from collections import deque
from dataclasses import dataclass

from ktrace.events import (
    Event,
    FatalSignal,
    OomKill,
    OomReap,
    OomVictim,
    OutOfMemory,
    Task,
    TaskDead,
)

KEPT = 200  # newest kills; the counts go on


@dataclass(slots=True)
class Kill:
    """One victim. choice is None where oom_kill_process() could not be hooked."""

    t: float
    by: Task
    victim: Task
    choice: OomKill | None
    reaper: str = ""  # the last step of the OOM reaper: wake, start, finish, skip
    died_t: float | None = None
    exit_signal: int | None = None


class OomKills:
    """Feed it all events in order."""

    def __init__(self) -> None:
        self.kills: deque[Kill] = deque(maxlen=KEPT)
        self.total = 0
        self.invocations = 0
        self._kernel_sent: dict[int, FatalSignal] = {}  # by target's tid

    def feed(self, event: Event) -> None:
        match event:
            case OutOfMemory():
                self.invocations += 1
            case OomKill():
                self._add(Kill(event.t, event.by, event.victim, event))
            case FatalSignal() if event.si_code:
                self._kernel_sent[event.target.tid] = event
            case OomVictim():
                self._mark(event)
            case OomReap():
                self._reap(event)
            case TaskDead():
                self._die(event)

    def _add(self, kill: Kill) -> None:
        self.kills.append(kill)
        self.total += 1

    def _mark(self, event: OomVictim) -> None:
        """A victim; a new kill unless oom_kill_process() has announced it."""
        sent = self._kernel_sent.pop(event.tid, None)
        victim = sent.target if sent else Task(event.tid, event.tid, "?")
        newest = self._find(victim.pid)
        if newest is None or newest.died_t is not None:
            self._add(Kill(event.t, event.by, victim, None))

    def _reap(self, event: OomReap) -> None:
        kill = self._find(event.tid)
        if kill:
            kill.reaper = event.step

    def _die(self, event: TaskDead) -> None:
        self._kernel_sent.pop(event.task.tid, None)
        kill = self._find(event.task.pid)
        # the leader's death is the process's, but for threads that are stuck: those are findings
        if kill and kill.died_t is None and event.task.tid == kill.victim.tid:
            kill.died_t = event.t
            kill.exit_signal = event.exit_code & 0x7F

    def _find(self, pid: int) -> Kill | None:
        """The newest kill of this victim, by its pid or the tid that stood for it."""
        for kill in reversed(self.kills):
            if pid in (kill.victim.pid, kill.victim.tid):
                return kill
        return None

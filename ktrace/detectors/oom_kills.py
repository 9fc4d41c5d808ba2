"""The OOM killer's kills, one record each, from choice to death."""

from collections import deque
from dataclasses import dataclass, field

from ktrace.events import (
    Event,
    FatalSignal,
    OomActivity,
    OomKill,
    OomReap,
    OomVictim,
    OutOfMemory,
    Task,
    TaskDead,
    TaskExit,
)

KEPT = 200  # newest kills; the counts go on
_STEPS_KEPT = 40  # of a kill: a process of 1000 threads shall not fill the screen
_LATEST = 50  # signals of the kernel that may yet turn out to be an OOM kill's


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a kill.

    name: asked, chosen, SIGKILL, marked, reaper woken, reaper started, reaper finished,
    reaper skipped, memory let go, dead.
    """

    name: str
    t: float
    task: Task | None = None  # the thread, where a step is one thread's
    rss_kib: int | None = None  # resident memory of the victim then


@dataclass(slots=True)
class Kill:
    """One victim. choice is None where oom_kill_process() could not be hooked."""

    t: float
    by: Task
    victim: Task
    choice: OomKill | None
    asked: OutOfMemory | None = None  # the call that led to it
    reaper: str = ""  # the last step of the OOM reaper: wake, start, finish, skip
    died_t: float | None = None
    exit_signal: int | None = None
    steps: list[Step] = field(default_factory=list)
    steps_left_out: int = 0

    @property
    def freed_kib(self) -> int | None:
        """What the OOM reaper took; None where it did not work, or nobody measured."""
        sizes = {step.name: step.rss_kib for step in self.steps}
        before, after = sizes.get("reaper started"), sizes.get("reaper finished")
        return before - after if before is not None and after is not None else None

    def add(self, step: Step) -> None:
        if len(self.steps) < _STEPS_KEPT or step.name == "dead":
            self.steps.append(step)
        else:
            self.steps_left_out += 1


_REAPER = {
    "wake": "reaper woken",
    "start": "reaper started",
    "finish": "reaper finished",
    "skip": "reaper skipped",
}


class OomKills:
    """Feed it all events in order."""

    def __init__(self) -> None:
        self.kills: deque[Kill] = deque(maxlen=KEPT)
        self.total = 0
        self._calls_sent = 0
        self._calls_counted: dict[str | None, int] = {}
        self._asked: dict[int, OutOfMemory] = {}  # newest, by the asker's tid
        self._kernel_sent: dict[int, FatalSignal] = {}  # by target's tid

    @property
    def invocations(self) -> int:
        """Calls of out_of_memory(): the kernel's own count, or the events where there is none."""
        return max(self._calls_sent, sum(self._calls_counted.values()))

    def feed(self, event: Event) -> None:
        match event:
            case OutOfMemory():
                self._calls_sent += 1
                self._asked[event.by.tid] = event
                _limit(self._asked)
            case OomActivity() if event.call == "out_of_memory":
                self._calls_counted[event.memcg] = event.calls
            case OomKill():
                self._choose(event)
            case FatalSignal() if event.si_code:
                self._sent(event)
            case OomVictim():
                self._mark(event)
            case OomReap():
                self._reap(event)
            case TaskExit():
                self._step(event.task.pid, Step("memory let go", event.t, event.task))
            case TaskDead():
                self._die(event)

    def _choose(self, event: OomKill) -> None:
        kill = Kill(event.t, event.by, event.victim, event, self._asked.get(event.by.tid))
        if kill.asked:
            kill.add(Step("asked", kill.asked.t))
        size = event.anon_rss_kib + event.file_rss_kib + event.shmem_rss_kib
        kill.add(Step("chosen", event.t, None, size))
        self._add(kill)

    def _add(self, kill: Kill) -> None:
        self.kills.append(kill)
        self.total += 1

    def _sent(self, event: FatalSignal) -> None:
        self._kernel_sent[event.target.tid] = event
        _limit(self._kernel_sent)
        kill = self._find(event.target.pid)
        if kill and kill.by.tid == event.by.tid:
            self._step(event.target.pid, Step("SIGKILL", event.t))

    def _mark(self, event: OomVictim) -> None:
        """A victim; a new kill unless oom_kill_process() has announced it."""
        sent = self._kernel_sent.pop(event.tid, None)
        victim = sent.target if sent else Task(event.tid, event.tid, "?")
        newest = self._find(victim.pid)
        if newest is None or newest.died_t is not None:
            kill = Kill(event.t, event.by, victim, None, self._asked.get(event.by.tid))
            if kill.asked:
                kill.add(Step("asked", kill.asked.t))
            if sent:
                kill.add(Step("SIGKILL", sent.t))
            self._add(kill)
        self._step(victim.pid, Step("marked", event.t))

    def _reap(self, event: OomReap) -> None:
        kill = self._find(event.tid)
        if kill:
            kill.reaper = event.step
            name = _REAPER.get(event.step, event.step)
            kill.add(Step(name, event.t, None, event.rss_kib))

    def _step(self, pid: int, step: Step) -> None:
        kill = self._find(pid)
        if kill and kill.died_t is None:
            kill.add(step)

    def _die(self, event: TaskDead) -> None:
        self._kernel_sent.pop(event.task.tid, None)
        kill = self._find(event.task.pid)
        # the leader's death is the process's, but for threads that are stuck: those are findings
        if kill and kill.died_t is None and event.task.tid == kill.victim.tid:
            kill.died_t = event.t
            kill.exit_signal = event.exit_code & 0x7F
            kill.add(Step("dead", event.t, event.task))
        elif kill:
            kill.add(Step("dead", event.t, event.task))

    def _find(self, pid: int) -> Kill | None:
        """The newest kill of this victim, by its pid or the tid that stood for it."""
        for kill in reversed(self.kills):
            if pid in (kill.victim.pid, kill.victim.tid):
                return kill
        return None


def _limit(newest: dict[int, OutOfMemory] | dict[int, FatalSignal]) -> None:
    while len(newest) > _LATEST:
        del newest[next(iter(newest))]

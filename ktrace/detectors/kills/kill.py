"""A kill: one process that was sent SIGKILL, or dies as if it had been, and what became of it."""

from dataclasses import dataclass, field
from signal import SIGKILL

from ktrace.detectors.kills.thread import KilledThread, Place, longest, spend
from ktrace.events import (
    FatalSignal,
    OomDomain,
    OomKill,
    OomMemory,
    OutOfMemory,
    Task,
    TaskState,
)
from ktrace.record import record

THREADS_KEPT = 10_000  # of a kill, that are looked after
_STEPS_KEPT = 40  # of a kill: a process of 1000 threads shall not fill the screen

# why the OOM killer has to do with a process
CHOSEN = "chosen"  # out_of_memory() chose it
SHARES_MM = "mm"  # its mm is the victim's: __oom_kill_process() of mm/oom_kill.c kills it too
GROUP = "group"  # a member of the victim's memory.oom.group: oom_kill_memcg_member()
EXITING = "exiting"  # it was dying already: task_will_free_mem(), marked and not killed


@record
class Step:
    """One step of a kill.

    name: invoked, chosen, SIGKILL, marked, reaper woken, reaper started, reaper finished,
    reaper skipped, mm released, dead.
    """

    name: str
    t: float
    task: Task | None = None  # the thread, or the other process, where it is not the victim
    rss_kib: int | None = None  # resident memory of the victim then


@dataclass(slots=True)
class Kill:
    """One victim. Times are seconds of CLOCK_BOOTTIME."""

    victim: Task
    by: str  # oom, signal, exit
    sender: Task | None  # who sent the signal; who invoked the OOM killer
    t: float  # of SIGKILL (until it is sent: of the choice); else of the first look
    t_known: bool  # False: it was killed before ktrace looked, or nobody saw by whom
    signal: int = int(SIGKILL)
    sent: bool = True  # False: chosen, SIGKILL has not come yet
    by_kernel: bool = False  # the kernel sent it itself, in the sender's context
    again: FatalSignal | None = None  # the newest that came when it was killed already
    why: str = (
        ""  # CHOSEN, SHARES_MM, GROUP, EXITING; "": not known, or no matter of the OOM killer
    )
    of: "Kill | None" = None  # of SHARES_MM and GROUP: the victim that was chosen
    choice: OomKill | None = None  # None where oom_kill_process() could not be hooked
    invocation: OutOfMemory | None = None  # the call that led to it
    memory: OomMemory | None = None  # the machine's, before it
    domain: OomDomain | None = None  # a look at what was short of memory, soon after
    marked: bool = False
    reaper: str = ""  # the last step of the OOM reaper: wake, start, finish, skip
    threads: dict[int, KilledThread] = field(default_factory=dict)  # alive, by tid
    stuck: int = 0  # of the threads: those that are stuck now
    judged: bool = False  # a look came when it should have been dead
    threads_left_out: int = 0  # beyond THREADS_KEPT
    sharers: int = 0  # other processes killed since they share the mm, that still may use it
    walked: bool = False  # a whole walk has been made since: threads has all that live
    expected: int | None = None  # how many threads must die; None: not known
    deaths: int = 0  # threads that were seen to die, or dead
    over: bool = False  # the last thread is dead, or gone
    last_death_t: float | None = None  # of the last thread that was seen to die
    released_t: float | None = None  # the last user of the mm has released it
    exit_signal: int | None = None
    last_t: float = 0.0  # newest sign of it
    spent: dict[Place, float] = field(default_factory=dict)  # seconds, over its threads
    steps: list[Step] = field(default_factory=list)
    steps_left_out: int = 0
    _dead: set[int] = field(default_factory=set)  # tids
    _exited: set[int] = field(default_factory=set)  # tids that have released the mm
    _exit_t: float | None = None  # of the newest of them
    _refused: int = 0  # threads of the present walk beyond THREADS_KEPT

    def __post_init__(self) -> None:
        self.last_t = max(self.last_t, self.t)

    @property
    def pid(self) -> int:
        return self.victim.pid

    @property
    def comm(self) -> str:
        return self.victim.comm

    @property
    def begun_t(self) -> float:
        """When its story began: the choice, else SIGKILL."""
        return min(self.choice.t, self.t) if self.choice else self.t

    @property
    def alive(self) -> bool:
        """A thread lives, or nobody knows of its end yet."""
        return not self.over

    @property
    def oom(self) -> bool:
        """The OOM killer chose it or marked it. Who only shares a victim's mm is part of that
        one's kill, and who was marked because it is dying was not killed by it."""
        return self.choice is not None or (self.marked and self.why != EXITING)

    @property
    def died_t(self) -> float | None:
        """When its last thread died; None while one lives, or when nobody saw it."""
        return self.last_death_t if self.over else None

    @property
    def seen(self) -> bool:
        """Somebody saw it killed or dead; else the signal may have met a zombie."""
        return self.last_death_t is not None or bool(self.spent)

    @property
    def after_s(self) -> float:
        """From SIGKILL to death; of one that lives or was not seen to die: at least."""
        ended = self.died_t if self.died_t is not None else self.last_t
        return max(0.0, round(ended - self.t, 6))

    @property
    def exact(self) -> bool:
        """Is after_s the time to death, or less than it?"""
        return self.t_known and self.died_t is not None

    @property
    def place(self) -> Place | None:
        """Where its threads were longest; None if they were never looked at."""
        return longest(self.spent)

    @property
    def freed_kib(self) -> int | None:
        """What the OOM reaper took; None where it did not work, or nobody measured."""
        sizes = {step.name: step.rss_kib for step in self.steps}
        before, after = sizes.get("reaper started"), sizes.get("reaper finished")
        return before - after if before is not None and after is not None else None

    def add(self, step: Step, always: bool = False) -> None:
        """In the order of times; beyond _STEPS_KEPT only what is added always."""
        if len(self.steps) >= _STEPS_KEPT and not always:
            self.steps_left_out += 1
            return
        self.steps.append(step)
        self.steps.sort(key=lambda known: (known.t, known.name == "dead"))

    def has(self, name: str) -> bool:
        return any(step.name == name for step in self.steps)

    def look(self, sample: TaskState) -> None:
        """At one of its threads, killed and still alive."""
        tid = sample.task.tid
        if tid in self._dead:
            return
        self.last_t = max(self.last_t, sample.t)
        thread = self.threads.get(tid)
        if thread:
            before = thread.place
            self._stay(thread, sample.t)
            thread.look(sample)
            if thread.place == before:
                return
        elif len(self.threads) < THREADS_KEPT:
            thread = self.threads[tid] = KilledThread(sample, sample.t)
        else:
            self._refused += 1
            return
        place = thread.place
        spend(thread.spent, place, 0.0)
        spend(self.spent, place, 0.0)

    def exit(self, tid: int, t: float) -> None:
        """A thread has released the mm."""
        self.last_t = max(self.last_t, t)
        self._exited.add(tid)
        self._exit_t = max(self._exit_t or t, t)

    def die(self, task: Task, t: float, signal: int) -> KilledThread | None:
        """A thread is dead; what was known of it."""
        if task.tid in self._dead:
            return None
        if task.tid not in self._exited:
            self.exit(task.tid, t)
        self.last_death_t = self.last_t = max(self.last_t, t)
        self.add(Step("dead", t, task))
        return self.end_thread(task.tid, t, signal, died=True)

    def end_thread(self, tid: int, t: float, signal: int | None, died: bool) -> KilledThread | None:
        """died: it is dead, else it is gone and nobody knows how."""
        if died and tid not in self._dead:
            self._dead.add(tid)
            self.deaths += 1
        if signal is not None and (self.exit_signal is None or tid == self.victim.pid):
            self.exit_signal = signal
        thread = self.threads.pop(tid, None)
        if thread:
            self._stay(thread, t)
        return thread

    def missing(self, started_t: float) -> list[int]:
        """Threads that a complete walk, begun at started_t, no longer found."""
        return [tid for tid, thread in self.threads.items() if thread.sample.t < started_t]

    def count_refused(self) -> bool:
        """At the end of a walk: were there threads that are not followed?"""
        refused, self._refused = self._refused, 0
        self.threads_left_out = max(self.threads_left_out, refused)
        return refused > 0

    @property
    def all_dead(self) -> bool:
        """As many have died as there were, or as a walk has found."""
        enough = self.walked or (bool(self.expected) and self.deaths >= (self.expected or 0))
        return enough and not self.threads and self.deaths > 0 and not self.threads_left_out

    def close(self) -> None:
        """Its last thread is dead or gone."""
        self.over = True
        told = any(s.name == "dead" and s.t == self.last_death_t for s in self.steps)
        if self.last_death_t is not None and not told:
            self.add(Step("dead", self.last_death_t), always=True)
            self.steps_left_out -= 1
        self._dead.clear()

    def release(self) -> bool:
        """Has the last user of the mm released it just now?"""
        exited = self.over or (self.expected and len(self._exited) >= self.expected)
        if self.released_t is not None or self._exit_t is None or not exited or self.sharers:
            return False
        self.released_t = self._exit_t
        if self.why != SHARES_MM:
            self.add(Step("mm released", self.released_t), always=True)
        self._exited.clear()
        return True

    def sharer_released(self, t: float) -> None:
        """Another user of the mm has released it."""
        self.sharers -= 1
        self._exit_t = max(self._exit_t or t, t)

    def live_until(self, t: float) -> None:
        """The trace has ended: threads that were there at the last look were there until then."""
        for thread in self.threads.values():
            self._stay(thread, t)
            self.last_t = max(self.last_t, t)

    def _stay(self, thread: KilledThread, until: float) -> None:
        """It was where it was last seen, until then."""
        place, seconds = thread.place, until - thread.sample.t
        spend(thread.spent, place, seconds)
        spend(self.spent, place, seconds)

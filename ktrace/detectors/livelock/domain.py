"""A domain, a memory cgroup at its limit or the machine, and what is counted of its calls.

A cgroup is the one of a kernfs id: a service that is started again has the path of the one before
it. Traces of before ktrace recorded the id have only the path.
"""

from collections import deque
from dataclasses import dataclass, field

from ktrace.detectors.livelock.counts import RESULTS, Counts, Run
from ktrace.events import OomActivity, OomDomain, OomKill, OutOfMemory
from ktrace.findings import OomLivelock

NEW_EPISODE_S = 5.0  # without a call: what comes then is another story
FRESH_S = 1.5  # counts come every second

Cgroup = int | str | None  # kernfs id, or the path where the id is not known; None: the machine


def cgroup_of(event: OutOfMemory | OomActivity | OomDomain) -> Cgroup:
    """What tells the event's domain from others."""
    return event.cgroup_id or event.memcg


@dataclass(slots=True)
class Domain:
    """What is known of a domain and its present episode."""

    memcg: str | None
    cgroup_id: int | None
    call: str
    first_t: float  # of the episode
    last_t: float
    total: Counts = field(default_factory=Counts)
    before: Counts = field(default_factory=Counts)  # the episode
    moved_t: float | None = None  # the newest kill, or death of a victim, of the episode
    at_move: Counts = field(default_factory=Counts)  # what came before that
    moved: bool = False  # since the newest count
    kills: int = 0  # of the episode
    freed_kib: int | None = None  # what they had; None: of none of them it is known
    counting_t: float | None = None  # the kernel counts since then; None: each event is one call
    seen_kills: int = 0  # ever
    unseen_kills: int = 0  # ever, of which only the kernel's count tells
    missed: int = 0  # those of the episode
    logged: deque[float] = field(default_factory=deque)  # kills that a log reports, the newest
    activity: OomActivity | None = None
    recent: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=5))
    looks: list[OomDomain] = field(default_factory=list)  # the first, the one before last, the last
    runs: dict[int, Run] = field(default_factory=dict)  # by tid
    open: OomLivelock | None = None  # as it was told last

    @property
    def id(self) -> str:
        """Of the episode."""
        name = self.memcg if self.memcg is not None else "machine"
        return f"livelock-{self.call}-{name}-{self.first_t:.6f}"

    def is_over(self, t: float, counting_t: float | None = None) -> bool:
        """Does a call at t, counted since counting_t, belong to another episode?"""
        # a kernel log may have several boots: time goes back
        quiet = t - self.last_t > NEW_EPISODE_S or t < self.first_t - NEW_EPISODE_S
        return quiet or self.is_recounted(counting_t)

    def is_recounted(self, counting_t: float | None) -> bool:
        """A count that began later is of another cgroup with the same path, or of the same after
        its count was dropped."""
        known = self.counting_t
        return counting_t is not None and known is not None and counting_t > known

    def follow(self, past: "Domain") -> None:
        """Be the next episode of past: its counts go on."""
        self.total = self.before = self.at_move = past.total
        self.counting_t = past.counting_t
        self.seen_kills, self.unseen_kills = past.seen_kills, past.unseen_kills

    def add_call(self, t: float) -> None:
        """One call, where the kernel does not count them."""
        self.total = Counts(self.total.calls + 1, self.total.results)
        self.last_t = max(self.last_t, t)
        self.recent.append((t, self.total.calls))

    def count(self, event: OomActivity) -> None:
        """The kernel's counts so far."""
        if self.counting_t is None or event.first_t > self.counting_t:
            # the events that came before the first count are among those counted
            self.counting_t = event.first_t
            self.total = self.before = self.at_move = Counts()
            self.seen_kills, self.unseen_kills = self.kills, 0
            self.recent.clear()
        self.total = Counts(event.calls, {name: getattr(event, name) for name in RESULTS})
        self.last_t = max(self.last_t, event.last_t)
        self.activity = event
        self.recent.append((event.t, event.calls))
        self._note_runs(event)
        if (unseen := event.killed - self.seen_kills) > self.unseen_kills:
            self.kills += unseen - self.unseen_kills
            self.missed += unseen - self.unseen_kills
            self.unseen_kills = unseen
            self.move(event.last_t)
        if self.moved:
            self.at_move, self.moved = self.total, False

    def note_kill(self, t: float, freed_kib: int | None) -> None:
        """Its kill was seen."""
        self.kills += 1
        self.seen_kills += 1
        if freed_kib is not None:
            self.freed_kib = (self.freed_kib or 0) + freed_kib
        self.move(t)

    def note_logged_kill(self, t: float, freed_kib: int | None, for_s: float) -> None:
        """A log reports it; for_s: how long that is remembered."""
        self.note_kill(t, freed_kib)
        self.last_t = max(self.last_t, t)
        self.logged.append(t)
        while not t - for_s <= self.logged[0] <= t:
            self.logged.popleft()

    def move(self, t: float) -> None:
        """It made progress: what counts against it begins anew."""
        self.moved_t = t
        self.at_move = self.total
        self.moved = True

    def add_look(self, event: OomDomain) -> None:
        self.looks = [*self.looks[:1], *self.looks[1:][-1:], event]

    def idle(self) -> Counts:
        """Calls since it made progress, else since the episode began."""
        return self.total.since(self.at_move if self.moved_t is not None else self.before)

    def idle_s(self) -> float:
        """From then to the newest call."""
        return self.last_t - max(self.first_t, self.moved_t or self.first_t)

    def is_fresh(self, t: float) -> bool:
        return t - self.last_t <= FRESH_S

    def episode(self) -> Counts:
        return self.total.since(self.before)

    def rate(self) -> float:
        """Calls a second, lately; over the episode while that is all there is."""
        if len(self.recent) < 2:
            return round(self.episode().calls / max(self.last_t - self.first_t, 0.001), 1)
        (first_t, first), (last_t, last) = self.recent[0], self.recent[-1]
        return round((last - first) / max(last_t - first_t, 0.001), 1)

    def owns(self, choice: OomKill) -> bool:
        """Was the victim chosen for this domain?"""
        if choice.domain_id is not None and (self.cgroup_id is not None or self.memcg is None):
            return choice.domain_id == (self.cgroup_id or 0)
        of_cgroup = choice.constraint == "CONSTRAINT_MEMCG"
        if self.memcg is None:
            return not of_cgroup
        path = self.memcg.rstrip("/")
        return of_cgroup and (choice.cgroup == self.memcg or choice.cgroup.startswith(path + "/"))

    def _note_runs(self, event: OomActivity) -> None:
        runs = {}
        for caller in event.callers:
            run = self.runs.get(caller.task.tid, Run(event.t, 0, caller.calls))
            if event.t - caller.last_t < FRESH_S:
                again = caller.calls < run.counted
                calls = run.calls + caller.calls - (0 if again else run.counted)
                runs[caller.task.tid] = Run(run.since, calls, caller.calls)
        self.runs = runs

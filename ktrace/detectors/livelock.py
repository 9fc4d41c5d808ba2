"""OOM handling that gets nowhere: which domain, since when, and why.

A domain is a memory cgroup at its limit, or the machine. mm/oom_kill.c, out_of_memory(): when
select_bad_process() finds nobody, the caller fails, and a page fault comes again at once; when it
finds a victim that is not dead (oc->chosen is -1), the caller waits for that one. The OOM reaper
frees the callers from such a victim 2 s later (v5.18, e4a38402c36e), or 3 s when it cannot get the
mmap_lock; so what is still so after SPIN_S is no ordinary kill.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ktrace.detectors import oom_domain
from ktrace.detectors.oom_kills import Kill, OomKills
from ktrace.detectors.stuck import StuckTasks
from ktrace.events import (
    Event,
    FatalSignal,
    OomActivity,
    OomAdjust,
    OomDomain,
    OutOfMemory,
    TaskDead,
    Walk,
)
from ktrace.findings import OomEnd, OomLivelock, Spinner, Undead

NEW_EPISODE_S = 5.0  # without a call: what comes then is another story
SPIN_S = 2.0  # calls that kill nobody for so long, and so many, are no accident
SPIN_CALLS = 20
NO_GAIN_KILLS = 5  # victims that died in NO_GAIN_S, and the calls go on
NO_GAIN_S = 10.0
RETRY_S = 10.0  # one thread's reclaim or compaction without a second's pause
RETRY_CALLS = 100
RESOLVED_S = 3.0  # without a call
_UNSEEN_S = 5.0
_FRESH_S = 1.5  # counts come every second
_UPDATE_S = 10.0  # the numbers of an open finding anew
_SI_KERNEL = 128  # include/uapi/asm-generic/siginfo.h
_RESULTS = ("killed", "nobody", "waits", "other")


@dataclass(slots=True)
class _Counts:
    """Calls so far, by their results."""

    calls: int = 0
    results: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_RESULTS, 0))

    def since(self, before: "_Counts") -> "_Counts":
        results = {name: self.results[name] - before.results[name] for name in _RESULTS}
        return _Counts(self.calls - before.calls, results)

    @property
    def known(self) -> bool:
        return any(self.results.values())


@dataclass(slots=True)
class _Domain:
    """What is known of a domain and its present episode."""

    memcg: str | None
    call: str
    first_t: float  # of the episode
    last_t: float
    total: _Counts = field(default_factory=_Counts)
    before: _Counts = field(default_factory=_Counts)  # the episode
    at_kill: _Counts = field(default_factory=_Counts)  # the newest kill: what came before it
    killed_t: float | None = None
    kills: int = 0  # of the episode
    freed_kib: int = 0  # what they had
    counted: bool = False  # the kernel counts; else each event is one call
    activity: OomActivity | None = None
    recent: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=5))
    looks: list[OomDomain] = field(default_factory=list)  # the first, the one before last, the last
    runs: dict[int, tuple[float, int]] = field(default_factory=dict)  # tid -> since, calls
    open: OomLivelock | None = None  # as it was told last

    def rate(self) -> float:
        """Calls a second, lately."""
        if len(self.recent) < 2:
            return 0.0
        (first_t, first), (last_t, last) = self.recent[0], self.recent[-1]
        return round((last - first) / max(last_t - first_t, 0.001), 1)


class Livelocks:
    """Feed it all events in order, after kills and stuck have had them."""

    def __init__(self, kills: OomKills, stuck: StuckTasks, spin_s: float = SPIN_S) -> None:
        """spin_s: 0 for a kernel log, whose ring keeps only the newest reports, a few
        milliseconds of a livelock: there so many calls in a row are enough."""
        self._spin_s = spin_s
        self._kills = kills
        self._stuck = stuck
        self._domains: dict[tuple[str | None, str], _Domain] = {}
        self._protectors = oom_domain.Protectors()
        self._sent: dict[int, FatalSignal] = {}  # newest, by target's pid
        self._dead: dict[int, TaskDead] = {}
        self._kills_seen = 0
        self.open: dict[str, OomLivelock] = {}  # with the newest numbers, told or not
        self.total = 0

    def feed(self, event: Event) -> Iterator[OomLivelock]:
        """The findings that event leads to."""
        self._note_kills()
        match event:
            case OomActivity():
                yield from self._count(event)
            case OutOfMemory():
                yield from self._call(event)
            case OomDomain():
                self._look(event)
            case OomAdjust():
                self._protectors.note(event)
            case FatalSignal():
                self._sent[event.target.pid] = event
            case TaskDead():
                self._dead[event.task.tid] = event
            case Walk():
                yield from self._resolve(event.t)
                self._forget(event.started_t)

    def _note_kills(self) -> None:
        """A kill begins the count of calls that killed nobody anew."""
        if self._kills.total == self._kills_seen:
            return
        self._kills_seen = self._kills.total
        kill = self._kills.kills[-1]
        for domain in self._domains.values():
            if _is_in(kill, domain):
                domain.killed_t = kill.t
                domain.kills += 1
                domain.freed_kib += oom_domain.memory_of(kill)
                domain.at_kill = domain.total

    def _domain(self, memcg: str | None, call: str, first_t: float, last_t: float) -> _Domain:
        """The domain, in a new episode when it was quiet for long."""
        key = (memcg, call)
        domain = self._domains.get(key)
        if domain is None:
            domain = self._domains[key] = _Domain(memcg, call, first_t, last_t)
        elif last_t - domain.last_t > NEW_EPISODE_S or last_t < domain.first_t - NEW_EPISODE_S:
            # a kernel log may have several boots: time goes back
            fresh = _Domain(memcg, call, last_t, last_t, domain.total, domain.total, domain.total)
            fresh.counted = domain.counted
            domain = self._domains[key] = fresh
        domain.last_t = max(domain.last_t, last_t)
        return domain

    def _call(self, event: OutOfMemory) -> Iterator[OomLivelock]:
        yield from self._resolve(event.t)
        domain = self._domain(event.memcg, "out_of_memory", event.t, event.t)
        if domain.counted:
            return
        domain.total = _Counts(domain.total.calls + 1, domain.total.results)
        domain.recent.append((event.t, domain.total.calls))
        yield from self._judge(domain, event.t)

    def _count(self, event: OomActivity) -> Iterator[OomLivelock]:
        yield from self._resolve(event.last_t)
        domain = self._domain(event.memcg, event.call, event.first_t, event.last_t)
        if not domain.counted:
            # the events that came before the first count are among those counted
            domain.counted = True
            domain.before = domain.at_kill = _Counts()
            domain.recent.clear()
        results = {name: getattr(event, name) for name in _RESULTS}
        domain.total = _Counts(event.calls, results)
        domain.activity = event
        domain.recent.append((event.t, event.calls))
        self._note_runs(domain, event)
        yield from self._resolve(event.t)
        yield from self._judge(domain, event.t)

    def _note_runs(self, domain: _Domain, event: OomActivity) -> None:
        """Since when each caller has called in every second."""
        runs = {}
        for caller in event.callers:
            since, calls = domain.runs.get(caller.task.tid, (event.t, caller.calls))
            if event.t - caller.last_t < _FRESH_S:
                runs[caller.task.tid] = (since, calls)
        domain.runs = runs

    def _look(self, event: OomDomain) -> None:
        for domain in self._domains.values():
            if domain.memcg == event.memcg:
                domain.looks = [*domain.looks[:1], *domain.looks[1:][-1:], event]

    def _judge(self, domain: _Domain, t: float) -> Iterator[OomLivelock]:
        if t - domain.last_t > _FRESH_S:
            return
        if domain.open and domain.open.reason != "no-gain" and self._callers_died(domain):
            return  # it is over
        victim = self._undead(domain, t)
        reason = self._reason(domain, t, victim)
        if reason is None:
            return
        finding = self._describe(domain, t, reason, victim)
        self.open[finding.id] = finding
        if domain.open is None:
            self.total += 1
        elif not _worth_telling(domain.open, finding):
            return
        domain.open = finding
        yield finding

    def _callers_died(self, domain: _Domain) -> bool:
        callers = domain.activity.callers if domain.activity else ()
        last = [self._dead.get(caller.task.tid) for caller in callers]
        return bool(last) and all(dead and dead.t >= domain.first_t for dead in last)

    def _reason(self, domain: _Domain, t: float, victim: Undead | None) -> str | None:
        """Why it gets nowhere; None while it may yet."""
        if domain.call != "out_of_memory":
            return "retry" if self._retries_for_ever(domain, t) else None
        killed_t = domain.killed_t if domain.killed_t is not None else domain.first_t
        idle = domain.total.since(domain.at_kill if domain.killed_t else domain.before)
        spins = t - max(killed_t, domain.first_t) >= self._spin_s and idle.calls >= SPIN_CALLS
        if victim and spins and (idle.results["waits"] or not idle.known):
            return "victim"
        if spins and self._nobody(domain, idle):
            return "nobody"
        return "no-gain" if self._gains_nothing(domain, t) else None

    def _nobody(self, domain: _Domain, idle: _Counts) -> bool:
        if idle.known:
            return idle.results["nobody"] * 2 > idle.calls
        tasks = domain.looks[-1].tasks if domain.looks else ()
        return bool(tasks) and len(oom_domain.protected(tasks)) == len(tasks)

    def _gains_nothing(self, domain: _Domain, t: float) -> bool:
        dead = [kill for kill in self._victims(domain) if kill.t >= t - NO_GAIN_S]
        if sum(kill.died_t is not None for kill in dead) < NO_GAIN_KILLS:
            return False
        if t - dead[0].t < NO_GAIN_S / 2:
            return False
        freed = sum(map(oom_domain.memory_of, dead))
        limit = domain.looks[-1].limit_kib if domain.looks else None
        if limit is None or not freed:
            return len(dead) >= 2 * NO_GAIN_KILLS
        # what is more than there is in all has been taken again
        return freed >= limit or all(map(oom_domain.still_full, domain.looks[-2:]))

    def _retries_for_ever(self, domain: _Domain, t: float) -> bool:
        """One thread, without a pause, and no OOM kill meanwhile."""
        if any(kill.t >= t - RETRY_S for kill in self._kills.kills):
            return False
        return bool(self._long_runs(domain, t))

    def _long_runs(self, domain: _Domain, t: float) -> dict[int, float]:
        """Threads that retry for ever: tid -> since."""
        now = {c.task.tid: c.calls for c in (domain.activity.callers if domain.activity else ())}
        return {
            tid: since
            for tid, (since, calls) in domain.runs.items()
            if t - since >= RETRY_S and now.get(tid, 0) - calls >= RETRY_CALLS
        }

    def _victims(self, domain: _Domain) -> list[Kill]:
        return [
            kill
            for kill in self._kills.kills
            if kill.t >= domain.first_t - 1.0 and _is_in(kill, domain)
        ]

    def _undead(self, domain: _Domain, t: float) -> Undead | None:
        """The oldest victim of the domain that is not dead; also one of before the episode."""
        for kill in self._kills.kills:
            if kill.died_t is not None or not _is_in(kill, domain):
                continue
            stuck = next((f for f in self._stuck.open.values() if f.pid == kill.victim.pid), None)
            if stuck is None and t - kill.t > _UNSEEN_S:
                continue  # it has died unseen: else it would be stuck by now
            return Undead(
                kill.victim.pid,
                kill.victim.comm,
                round(t - kill.t, 6),
                kill.steps[-1].name if kill.steps else "chosen",
                stuck.id if stuck else None,
                stuck.state if stuck else None,
                stuck.wait.function if stuck and stuck.wait else None,
            )
        return None

    def _describe(
        self, domain: _Domain, t: float, reason: str, victim: Undead | None
    ) -> OomLivelock:
        since_t = domain.first_t
        if reason == "retry":
            since_t = min(self._long_runs(domain, t).values())
        counts = domain.total.since(domain.before)
        newest = domain.looks[-1] if domain.looks else None
        victims = self._victims(domain)
        name = domain.memcg if domain.memcg is not None else "machine"
        return OomLivelock(
            status="update" if domain.open else "open",
            id=f"livelock-{domain.call}-{name}-{domain.first_t:.6f}",
            t=t,
            reason=reason,
            domain=domain.memcg,
            call=domain.call,
            constraint=domain.activity.constraint if domain.activity else "",
            since_t=since_t,
            lasted_s=round(t - since_t, 6),
            limit_kib=newest.limit_kib if newest else None,
            usage_kib=newest.usage_kib if newest else None,
            calls=counts.calls,
            calls_per_s=domain.rate(),
            kills=domain.kills,
            results=counts.results if counts.known else {},
            cpus=oom_domain.cpus(domain.looks, domain.activity),
            processes=newest.processes if newest else None,
            protected=self._protectors.describe(newest.tasks) if newest else (),
            spinning=_spinning(domain.activity),
            victim=victim if reason == "victim" else None,
            freed_kib=domain.freed_kib,
            causes=oom_domain.causes(newest, victims) if reason == "no-gain" else (),
            memory=oom_domain.changes(domain.looks),
            stack=domain.activity.stack if domain.activity else (),
        )

    def _resolve(self, t: float) -> Iterator[OomLivelock]:
        for domain in self._domains.values():
            if domain.open is None or t - domain.last_t < RESOLVED_S:
                continue
            found = self.open.pop(domain.open.id)
            domain.open = None
            lasted = round(domain.last_t - found.since_t, 6)
            counts = domain.total.since(domain.before)
            yield replace(
                found,
                status="resolved",
                t=t,
                lasted_s=lasted,
                calls=counts.calls,
                calls_per_s=round(counts.calls / max(lasted, 0.001), 1),
                results=counts.results if counts.known else {},
                kills=domain.kills,
                freed_kib=domain.freed_kib,
                memory=oom_domain.changes(domain.looks),
                outcome=self._end(domain, found, lasted),
            )

    def _end(self, domain: _Domain, found: OomLivelock, lasted: float) -> OomEnd:
        """A caller that died about when the calls stopped is why they stopped."""
        for spinner in found.spinning:
            dead = self._dead.get(spinner.tid) or self._dead.get(spinner.pid)
            sent = self._sent.get(spinner.pid)
            if sent and sent.si_code == _SI_KERNEL:
                continue  # a victim of the OOM killer
            if dead and dead.t >= domain.last_t - 1.0:
                by = sent.by if sent else None
                return OomEnd("signal", lasted, dead.task, dead.exit_code & 0x7F, by)
        return OomEnd("quiet", lasted)

    def _forget(self, before: float) -> None:
        """Keep memory small: what is older than any episode that may still end."""
        old = before - 60.0
        self._sent = {pid: sent for pid, sent in self._sent.items() if sent.t > old}
        self._dead = {tid: dead for tid, dead in self._dead.items() if dead.t > old}
        for key, domain in list(self._domains.items()):
            if domain.open is None and domain.last_t < old and len(self._domains) > 100:
                del self._domains[key]


def _is_in(kill: Kill, domain: _Domain) -> bool:
    """Was the victim chosen in this domain? Where the choice is not known: by its caller."""
    if kill.choice is None:
        callers = domain.activity.callers if domain.activity else ()
        return domain.memcg is None or any(c.task.tid == kill.by.tid for c in callers)
    if domain.memcg is None:
        return kill.choice.constraint != "CONSTRAINT_MEMCG"
    path = domain.memcg.rstrip("/")
    return kill.choice.constraint == "CONSTRAINT_MEMCG" and (
        kill.choice.cgroup == domain.memcg or kill.choice.cgroup.startswith(path + "/")
    )


def _spinning(activity: OomActivity | None) -> tuple[Spinner, ...]:
    return tuple(
        Spinner(c.task.pid, c.task.tid, c.task.comm, c.calls, c.in_fault)
        for c in (activity.callers if activity else ())
    )


def _worth_telling(known: OomLivelock, new: OomLivelock) -> bool:
    """Something has changed, or the numbers are old."""
    victims = [finding.victim and finding.victim.pid for finding in (known, new)]
    stories = [
        (f.reason, f.causes, [p.pid for p in f.protected], f.cpus is None) for f in (known, new)
    ]
    return stories[0] != stories[1] or victims[0] != victims[1] or new.t - known.t >= _UPDATE_S

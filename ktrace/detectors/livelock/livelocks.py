"""OOM handling that makes no progress: from events to findings, and to doubts."""

from collections.abc import Generator, Iterator
from typing import Self

from ktrace.detectors.detector import Count, Detector, Run
from ktrace.detectors.kills import OOM_KILL_PROBES, Kills
from ktrace.detectors.livelock.description import describe, is_news, resolved
from ktrace.detectors.livelock.domain import Cgroup, Domain, cgroup_of
from ktrace.detectors.livelock.domains import Domains
from ktrace.detectors.livelock.doubts import Doubts, undecided, untimed
from ktrace.detectors.livelock.look import Protectors
from ktrace.detectors.livelock.outcome import Outcomes
from ktrace.detectors.livelock.reasons import NO_GAIN_KILLS, NO_GAIN_S, SPIN_S, Reasons
from ktrace.detectors.livelock.victims import Victims, is_in, memory_in_log, memory_of
from ktrace.detectors.stuck import StuckTasks
from ktrace.events import (
    Event,
    FatalSignal,
    OomActivity,
    OomAdjust,
    OomDomain,
    OomReport,
    OutOfMemory,
    TaskDead,
    TaskState,
    Walk,
)
from ktrace.findings import OomLivelock

RESOLVED_S = 3.0  # without a call
_COUNTED_S = 1.0  # as the kernel's counts come live; a log has a report for each call
_KEPT = 100  # findings, with their newest numbers


class Livelocks(Detector):
    """Feed it all events in order, after kills and stuck have had them."""

    findings = (OomLivelock,)
    takes = (
        Victims.takes | Outcomes.takes | {OomActivity, OutOfMemory, OomReport, OomDomain, OomAdjust}
    )

    def __init__(
        self,
        kills: Kills,
        stuck: StuckTasks,
        sees_kills: bool = True,
        from_log: bool = False,
    ) -> None:
        """sees_kills: an OOM kill would not go unseen.

        from_log: a kernel log's ring keeps only the newest reports, a few milliseconds of a
        livelock: there so many calls in a row are enough."""
        self._sees_kills = sees_kills
        self._from_log = from_log
        self._domains = Domains()
        self._victims = Victims(kills, stuck)
        self._reasons = Reasons(self._victims, 0.0 if from_log else SPIN_S)
        self._protectors = Protectors()
        self._outcomes = Outcomes()
        self._doubts = Doubts()
        self.open: dict[str, OomLivelock] = {}  # with the newest numbers, told or not
        self.found: dict[str, OomLivelock] = {}  # these and those that are over
        self.total = 0
        self._logged_kills = 0

    @classmethod
    def of_run(cls, run: Run) -> Self:
        from_log = run.session.from_log
        probes = {probe.function for probe in run.session.probes if probe.state == "attached"}
        sees_kills = from_log or not probes.isdisjoint(OOM_KILL_PROBES)
        return cls(run.kills, run.of(StuckTasks), sees_kills, from_log)

    def counts(self) -> dict[str, Count]:
        counts = {
            "oom_calls": Count(self.calls, ("out_of_memory",)),
            "oom_livelocks": Count(self.total, ("out_of_memory",)),
        }
        return counts | ({"oom_kills": Count(self._logged_kills, ())} if self._from_log else {})

    @property
    def calls(self) -> int:
        """Calls of out_of_memory(): the kernel's own count, or the events where there is none."""
        return self._domains.calls

    @property
    def unexplained(self) -> list[str]:
        """Calls without progress, for which no reason is known."""
        return self._doubts.lines()

    def doubts(self, t: float) -> list[str]:
        """Why finding nothing until t, when tracing ended, does not mean that nothing was."""
        lines = self.unexplained
        for domain in self._domains:
            known = domain.open is not None or self._doubts.has(domain)
            if not known and self._reasons.undecided(domain, t):
                lines.append(undecided(domain))
            if not domain.last_t and domain.kills >= 2 * NO_GAIN_KILLS:
                lines.append(untimed(domain))
        if self._domains.crowded_out:
            lines.append(f"{self._domains.crowded_out} OOM domains more than can be followed")
        return lines

    def feed(self, event: Event) -> Iterator[OomLivelock]:
        """The findings that event leads to."""
        self._victims.feed(event)
        self._outcomes.feed(event)
        self._note_kills()
        match event:
            case TaskState() | FatalSignal():
                pass  # as most events are: noted above
            case OomActivity():
                yield from self._count(event)
            case OutOfMemory():
                yield from self._call(event)
            case OomReport() if event.victim and not event.group:
                yield from self._note_logged(event)
            case OomDomain():
                for domain in self._domains.of(cgroup_of(event)):
                    domain.add_look(event)
            case OomAdjust():
                self._protectors.note(event)
            case TaskDead():
                for domain in self._domains:
                    if self._victims.died(event, domain):
                        domain.move(event.t)
            case Walk():
                yield from self._resolve(event.t)

    def _note_kills(self) -> None:
        for kill in self._victims.new_kills():
            for domain in self._domains:
                if is_in(kill, domain):
                    domain.note_kill(kill.t, memory_of(kill))

    def _note_logged(self, event: OomReport) -> Iterator[OomLivelock]:
        """A kill that a log reports. The count of its call comes next."""
        domain = self._domains.find(event.memcg, "out_of_memory")
        if domain is None or domain.is_over(event.t):
            fresh = Domain(event.memcg, None, "out_of_memory", event.t, event.t)
            domain = yield from self._enter(event.memcg, domain, fresh)
        self._logged_kills += 1
        domain.note_logged_kill(event.t, memory_in_log(event), NO_GAIN_S)

    def _call(self, event: OutOfMemory) -> Iterator[OomLivelock]:
        yield from self._resolve(event.t)
        domain = self._domains.find(cgroup_of(event), "out_of_memory")
        if domain is None or domain.is_over(event.t):
            fresh = Domain(event.memcg, event.cgroup_id, "out_of_memory", event.t, event.t)
            domain = yield from self._enter(cgroup_of(event), domain, fresh)
        if domain.counting_t is None:
            domain.add_call(event.t)
            yield from self._judge(domain, event.t)
        else:
            domain.last_t = max(domain.last_t, event.t)

    def _count(self, event: OomActivity) -> Iterator[OomLivelock]:
        domain = self._domains.find(cgroup_of(event), event.call)
        # between two counts its calls may have gone on: ktrace was late
        yield from self._resolve(event.last_t, domain)
        if domain and domain.counting_t is not None and event.first_t < domain.counting_t:
            return  # of a cgroup that is gone, and that had the same path
        if domain is None or domain.is_over(event.last_t, event.first_t):
            first_t = event.first_t if domain is None else event.last_t
            if domain and domain.is_recounted(event.first_t):
                self._domains.forget_calls(domain)
                first_t = event.first_t
            fresh = Domain(event.memcg, event.cgroup_id, event.call, first_t, event.last_t)
            domain = yield from self._enter(cgroup_of(event), domain, fresh)
        domain.count(event)
        yield from self._resolve(event.t)
        yield from self._judge(domain, event.t)

    def _enter(
        self, cgroup: Cgroup, known: Domain | None, fresh: Domain
    ) -> Generator[OomLivelock, None, Domain]:
        """A new episode, of a new domain or of a known one."""
        if known is not None:
            yield from self._end(known, fresh.first_t)
            fresh.follow(known)
        if (out := self._domains.keep(cgroup, fresh)) is not None:
            yield from self._end(out, fresh.last_t)
        return fresh

    def _judge(self, domain: Domain, t: float) -> Iterator[OomLivelock]:
        if not domain.is_fresh(t):
            return
        if domain.open and domain.open.reason != "no-gain" and self._outcomes.callers_died(domain):
            return  # it is over
        victim = self._victims.undead(domain, t)
        reason = self._reasons.why(domain, t, victim)
        if reason is None:
            if self._reasons.cannot_tell(domain, t):
                self._doubts.note(domain)
            return
        if self._from_log and self._is_told(domain, t, reason):
            return
        finding = describe(
            domain, t, reason, victim, self._victims, self._protectors, self._sees_kills
        )
        self.open[finding.id] = finding
        self._keep(finding)
        if domain.open is None:
            self.total += 1
            self._doubts.drop(domain)
        elif not is_news(domain.open, finding):
            return
        domain.open = finding
        yield finding

    def _is_told(self, domain: Domain, t: float, reason: str) -> bool:
        """Are there numbers that are less than a second old?"""
        known = domain.open
        same = known is not None and known.reason == reason
        return known is not None and same and 0 <= t - self.open[known.id].t < _COUNTED_S

    def _resolve(self, t: float, but: Domain | None = None) -> Iterator[OomLivelock]:
        for domain in self._domains:
            if domain is not but and t - domain.last_t >= RESOLVED_S:
                yield from self._end(domain, t)

    def _end(self, domain: Domain, t: float) -> Iterator[OomLivelock]:
        if domain.open is None:
            return
        found = self.open.pop(domain.open.id)
        domain.open = None
        ended = resolved(found, domain, t, self._outcomes.of(found, domain), self._sees_kills)
        self._keep(ended)
        yield ended

    def _keep(self, finding: OomLivelock) -> None:
        self.found[finding.id] = finding
        if len(self.found) > _KEPT:
            del self.found[next(iter(self.found))]

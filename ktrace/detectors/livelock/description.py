"""A livelock as a finding."""

from dataclasses import replace

from ktrace.detectors.livelock import look
from ktrace.detectors.livelock.counts import Counts
from ktrace.detectors.livelock.domain import Domain
from ktrace.detectors.livelock.reasons import long_runs
from ktrace.detectors.livelock.victims import Victims
from ktrace.events import OomActivity
from ktrace.findings import OomEnd, OomLivelock, Spinner, Undead

_UPDATE_S = 10.0  # the numbers of an open finding anew


def describe(
    domain: Domain,
    t: float,
    reason: str,
    victim: Undead | None,
    victims: Victims,
    protectors: look.Protectors,
    sees_kills: bool,
) -> OomLivelock:
    """The domain as it is at time t. sees_kills: a probe would have shown each OOM kill."""
    since_t = min(long_runs(domain, t).values()) if reason == "retry" else domain.first_t
    counts = domain.episode()
    newest = domain.looks[-1] if domain.looks else None
    kills, freed_kib = _kills(domain, counts, sees_kills)
    killed = [kill.victim.comm for kill in victims.of(domain, domain.first_t - 1.0)]
    return OomLivelock(
        status="update" if domain.open else "open",
        id=domain.id,
        t=t,
        reason=reason,
        domain=domain.memcg,
        cgroup_id=domain.cgroup_id,
        call=domain.call,
        constraint=domain.activity.constraint if domain.activity else "",
        since_t=since_t,
        lasted_s=round(t - since_t, 6),
        limit_kib=newest.limit_kib if newest else None,
        usage_kib=newest.usage_kib if newest else None,
        calls=counts.calls,
        calls_per_s=domain.rate(),
        kills=kills,
        results=_results(counts),
        cpus=look.cpus(domain.looks, domain.activity),
        processes=newest.processes if newest else None,
        protected=protectors.describe(newest.tasks) if newest else (),
        spinning=_spinning(domain.activity),
        victim=victim if reason == "victim" else None,
        freed_kib=freed_kib,
        causes=look.causes(newest, killed) if reason == "no-gain" else (),
        memory=look.changes(domain.looks),
        stack=domain.activity.stack if domain.activity else (),
    )


def resolved(
    found: OomLivelock, domain: Domain, t: float, outcome: OomEnd, sees_kills: bool
) -> OomLivelock:
    """The end of what was found, with the numbers of all of it."""
    counts = domain.episode()
    kills, freed_kib = _kills(domain, counts, sees_kills)
    return replace(
        found,
        status="resolved",
        t=t,
        lasted_s=outcome.after_s,
        calls=counts.calls,
        calls_per_s=round(counts.calls / max(outcome.after_s, 0.001), 1),
        results=_results(counts),
        kills=kills,
        freed_kib=freed_kib,
        memory=look.changes(domain.looks),
        outcome=outcome,
    )


def is_news(known: OomLivelock, new: OomLivelock) -> bool:
    """Something has changed, or the numbers are old."""
    victims = [finding.victim and finding.victim.pid for finding in (known, new)]
    stories = [
        (f.reason, f.causes, [p.pid for p in f.protected], f.cpus is None) for f in (known, new)
    ]
    return stories[0] != stories[1] or victims[0] != victims[1] or new.t - known.t >= _UPDATE_S


def _kills(domain: Domain, counts: Counts, sees_kills: bool) -> tuple[int | None, int | None]:
    """How many, and the memory that the victims had. Results of calls have the number, too."""
    known = domain.kills or sees_kills or counts.judged
    kills = domain.kills if known else None
    return kills, 0 if kills == 0 else domain.freed_kib


def _results(counts: Counts) -> dict[str, int]:
    """Empty where they are not known."""
    return counts.results if counts.judged else {}


def _spinning(activity: OomActivity | None) -> tuple[Spinner, ...]:
    return tuple(
        Spinner(c.task.pid, c.task.tid, c.task.comm, c.calls, c.in_fault)
        for c in (activity.callers if activity else ())
    )

"""OOM handling that makes no progress: each reason, each end, and what is no livelock."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ktrace.detectors.analysis import Analysis
from ktrace.events import (
    Event,
    FatalSignal,
    MemoryCount,
    OomActivity,
    OomCaller,
    OomDomain,
    OomKill,
    OutOfMemory,
    Task,
)
from ktrace.findings import OomLivelock, finding_from_json, finding_to_json
from tests.factories import (
    APP,
    SHELL,
    activity,
    adjusted,
    asked,
    dead,
    domain,
    domain_task,
    kill,
    oom_kill,
    oom_victim,
    session,
    state,
    walk,
)

pytestmark = pytest.mark.unit

GUARD = Task(15, 15, "guard")


def found(*events: Event, **of_session: object) -> list[OomLivelock]:
    analysis = Analysis(session(command="oom-livelock", **of_session))
    findings = [finding for event in events for finding in analysis.feed(event)]
    assert all(isinstance(finding, OomLivelock) for finding in findings)
    return findings  # type: ignore[return-value]


def spin(*tasks: object, start: int = 101, end: int = 105) -> list[Event]:
    """A hundred calls a second that find nobody, with a look each second."""
    looked = tasks or (domain_task(),)
    events: list[Event] = [asked(100.0, APP, "/app")]
    for t in range(start, end):
        calls = (t - 100) * 100
        events.append(domain(t - 0.001, *looked))  # type: ignore[arg-type]
        events.append(activity(t, calls, nobody=calls))
    return events


def memcg_kill(t: float, victim: Task = APP) -> Event:
    return replace(oom_kill(t, victim), constraint="CONSTRAINT_MEMCG", cgroup="/app/inner")


# (a) nobody may be killed ----------------------------------------------------------------------


def test_nobody_may_be_killed() -> None:
    (finding,) = found(*spin())
    assert (finding.status, finding.reason, finding.domain) == ("open", "nobody", "/app")
    assert (finding.since_t, finding.t, finding.lasted_s) == (100.0, 103, 3.0)
    assert (finding.calls, finding.calls_per_s, finding.kills) == (300, 100.0, 0)
    assert finding.results == {"killed": 0, "nobody": 300, "waits": 0, "other": 0}
    assert (finding.limit_kib, finding.usage_kib) == (20480, 20480)
    assert [(s.tid, s.in_fault) for s in finding.spinning] == [(20, True)]


def test_an_inherited_protection_and_who_set_it() -> None:
    heir = domain_task(protected_by=(Task(16, 16, "shim"), GUARD))
    (finding,) = found(adjusted(99, GUARD, GUARD), *spin(heir))
    (protected,) = finding.protected
    assert protected.inherited_from == GUARD
    assert protected.set_by is not None
    assert (protected.set_by.pid, protected.set_by.t) == (15, 99)


def test_an_own_value_was_not_inherited() -> None:
    heir = domain_task(protected_by=(GUARD,))
    (finding,) = found(adjusted(99, SHELL, APP), *spin(heir))
    assert finding.protected[0].inherited_from is None
    assert finding.protected[0].set_by is not None
    assert finding.protected[0].set_by.comm == "sh"


def test_a_protection_that_was_taken_back_sets_nothing() -> None:
    (finding,) = found(adjusted(98, SHELL, APP), adjusted(99, SHELL, APP, 0), *spin())
    assert finding.protected[0].set_by is None


def test_a_sharer_of_the_mm_gives_its_protection() -> None:
    shield = Task(21, 21, "shield")
    tasks = (domain_task(sharers=(21,)), domain_task(shield, sharers=(20,)))
    (finding,) = found(adjusted(99, shield, shield), *spin(*tasks))
    app = finding.protected[0]
    assert app.set_by is not None
    assert (app.set_by.pid, app.set_by.of) == (21, 21)
    assert app.shares_mm_with is not None
    assert [(s.pid, s.oom_score_adj, s.threads) for s in app.shares_mm_with] == [(21, -1000, 1)]


def test_kills_that_no_probe_could_see_are_not_zero() -> None:
    unknown = [replace(e, nobody=0) if hasattr(e, "nobody") else e for e in spin()]
    (finding,) = found(*unknown, probes=())
    assert (finding.kills, finding.freed_kib) == (None, None)
    (finding,) = found(*unknown)  # with a probe on mark_victim
    assert (finding.kills, finding.freed_kib) == (0, 0)
    (finding,) = found(*spin(), probes=())  # the results of the calls say it, too
    assert finding.kills == 0


def test_without_results_the_tasks_tell() -> None:
    unknown = [replace(e, nobody=0) if hasattr(e, "nobody") else e for e in spin()]
    (finding,) = found(*unknown)
    assert (finding.reason, finding.results) == ("nobody", {})
    other = domain_task(Task(22, 22, "other"), oom_score_adj=0)
    mixed = [domain(101, domain_task(), other), activity(101, 100), activity(104, 400)]
    assert found(*mixed) == []


def test_cpu_time_of_the_callers() -> None:
    events: list[Event] = []
    for t in (101, 102, 103, 104):
        looked = domain(t - 0.001, domain_task(cpu_s=(t - 100) * 0.7))
        events += [looked, activity(t, (t - 100) * 100, nobody=(t - 100) * 100)]
    assert found(*events)[-1].cpus == 0.7


def test_a_log_has_only_calls() -> None:
    """Values that a source does not have: no counts, no look, no callers."""
    calls = [asked(100 + i * 0.05, APP, "/app") for i in range(60)]
    assert found(*calls) == []
    looked = domain(100.01, domain_task(), limit_kib=None, usage_kib=None, memory=())
    (finding,) = found(calls[0], looked, *calls[1:])
    assert (finding.reason, finding.cpus, finding.spinning) == ("nobody", None, ())


# (b) an earlier victim is not dead -------------------------------------------------------------


def test_an_earlier_victim_is_not_dead() -> None:
    events: list[Event] = [asked(100, SHELL, "/app"), memcg_kill(100.01), oom_victim(100.02)]
    events += [kill(100.02, si_code=128), state(102.0), walk(102.0005)]
    events += [activity(t, (t - 100) * 50, waits=(t - 100) * 50) for t in (101, 102, 103)]
    finding = found(*events)[0]
    assert finding.reason == "victim"
    assert finding.victim is not None
    assert (finding.victim.pid, finding.victim.step) == (20, "SIGKILL")
    assert finding.victim.function == "squashfs_cache_get"
    assert finding.victim.stuck is not None
    assert finding.victim.stuck.startswith("stuck-20-")


def test_the_victim_died_so_calls_may_go_on_for_a_while() -> None:
    events: list[Event] = [memcg_kill(100.01), activity(101, 50, waits=50), dead(101.5)]
    events += [activity(102, 60, waits=60), walk(103)]
    assert found(*events) == []


def test_a_victim_whose_death_was_not_seen_is_not_waited_for() -> None:
    early: list[Event] = [asked(90, SHELL, "/app"), memcg_kill(90.01)]
    late = [replace(e, nobody=0) if isinstance(e, OomActivity) else e for e in spin()]
    (finding,) = found(*early, *late)
    assert (finding.reason, finding.victim) == ("nobody", None)


# (c) kills gain nothing ------------------------------------------------------------------------


def respawned(
    number: int, spacing: float = 1.0, rss: int = 10000, usage: int = 1000
) -> list[Event]:
    """Victims that ask for themselves; the looks come when they are dead."""
    events: list[Event] = []
    for i in range(number):
        t = 100.1 + i * spacing
        task = Task(200 + i, 200 + i, "worker")
        victim = replace(memcg_kill(t, task), anon_rss_kib=rss, file_rss_kib=0)  # type: ignore[call-arg]
        events += [asked(t, task, "/app"), victim, kill(t, task, task, 128), dead(t + 0.1, task)]
        caller = OomCaller(task, 1, t, t, True)
        shmem = (MemoryCount("shmem", 15000 + i),)
        events.append(domain(t + 0.2, memory=shmem, usage_kib=usage))
        events.append(activity(t + 0.3, i + 1, killed=i + 1, last_t=t, callers=(caller,)))
    return events


def test_kills_gain_nothing() -> None:
    finding = found(*respawned(8))[0]
    assert finding.reason == "no-gain"
    assert finding.causes == ("respawn", "shmem")
    assert finding.kills is not None
    assert finding.kills >= 5
    assert finding.freed_kib == finding.kills * 10000 >= 20480
    (change,) = finding.memory
    assert change.name == "shmem"
    assert change.after_kib > change.before_kib == 15000


def test_memory_of_victims_whose_choice_was_not_seen_is_not_zero() -> None:
    marked: list[Event] = []
    for event in respawned(12):
        if isinstance(event, OutOfMemory | OomActivity | OomDomain):
            marked.append(replace(event, memcg=None))
        elif not isinstance(event, OomKill):
            marked.append(event)
        if isinstance(event, FatalSignal):
            marked.append(oom_victim(event.t, event.target.tid, event.by))
    finding = found(*marked)[0]
    assert finding.reason == "no-gain"
    assert (finding.kills or 0) >= 5
    assert finding.freed_kib is None


def test_victims_that_are_the_callers_do_not_end_it() -> None:
    _, *updates, resolved = found(*respawned(40), walk(150))
    assert len(updates) == 3
    assert resolved.outcome is not None
    assert resolved.outcome.how == "quiet"
    assert resolved.kills == 40


def test_kills_that_gain_memory_are_none() -> None:
    """All that they had is less than the limit, and there is room again."""
    assert found(*respawned(8, rss=1000)) == []


def test_small_victims_while_it_stays_full() -> None:
    assert found(*respawned(8, rss=1000, usage=20000))[0].reason == "no-gain"


def test_a_few_kills_are_none() -> None:
    assert found(*respawned(4)) == []


@pytest.mark.parametrize(
    ("counter", "cause"),
    [("shmem", "shmem"), ("unevictable", "locked"), ("kernel", "kernel"), ("sock", None)],
)
def test_causes_by_numbers(counter: str, cause: str | None) -> None:
    large = (MemoryCount(counter, 15000),)
    events = [replace(e, memory=large) if hasattr(e, "memory") else e for e in respawned(8)]
    assert found(*events)[0].causes == tuple(filter(None, ("respawn", cause)))


# (d) reclaim or compaction ---------------------------------------------------------------------


def retries(seconds: int, call: str = "reclaim_retry_zone", gap: int = 0) -> list[Event]:
    events: list[Event] = []
    for i in range(seconds):
        if gap and i % gap == 0:
            continue
        t = 101.0 + i
        caller = OomCaller(APP, (i + 1) * 40, 100.5, t - 0.1, False)
        event = activity(t, (i + 1) * 40, call=call, memcg=None, callers=(caller,))
        events.append(event)
    return events


@pytest.mark.parametrize("call", ["reclaim_retry_zone", "compact_retry"])
def test_retries_for_ever(call: str) -> None:
    finding = found(*retries(14, call))[0]
    assert (finding.reason, finding.domain, finding.since_t) == ("retry", None, 101.0)
    assert finding.call == call


def test_retries_with_pauses_are_no_livelock() -> None:
    paused = []
    for event in retries(30, gap=4):
        paused.append(event)
        stale = replace(event.callers[0], last_t=event.t - 3.0)  # type: ignore[attr-defined]
        paused.append(replace(event, t=event.t + 0.5, callers=(stale,)))  # type: ignore[call-arg]
    assert found(*paused) == []


def test_retries_that_end_in_a_kill_are_no_livelock() -> None:
    events = retries(14)
    events[7:7] = [oom_kill(107.5), dead(107.6)]
    assert found(*events) == []


# What is no livelock ---------------------------------------------------------------------------


def test_an_ordinary_kill() -> None:
    events: list[Event] = [asked(100, SHELL, "/app"), memcg_kill(100.01), oom_victim(100.02)]
    events += [activity(100.5, 3, killed=1, waits=2), dead(100.6), activity(102, 3, killed=1)]
    events += [walk(106)]
    assert found(*events) == []


def test_a_burst_is_no_livelock() -> None:
    assert found(asked(100, APP, "/app"), activity(101, 500, nobody=500), walk(110)) == []


def test_another_domain_s_kill_does_not_help() -> None:
    events = spin()
    other = replace(oom_kill(102.5), constraint="CONSTRAINT_MEMCG", cgroup="/apple")
    assert len(found(*events[:-1], other, events[-1])) >= 1


# The end ---------------------------------------------------------------------------------------


def test_sigkill_from_outside_ends_it() -> None:
    events = [*spin(), kill(104.5), dead(104.6), activity(105.5, 450, nobody=450, last_t=104.55)]
    opened, *updates, resolved = found(*events, walk(109))
    assert [finding.status for finding in updates] == []
    assert (resolved.status, resolved.id) == ("resolved", opened.id)
    assert resolved.outcome is not None
    assert (resolved.outcome.how, resolved.outcome.signal, resolved.outcome.by) == (
        "signal",
        9,
        SHELL,
    )
    assert resolved.calls == 450
    assert resolved.outcome.after_s == pytest.approx(4.55)
    assert resolved.protected == opened.protected


def test_no_more_calls_end_it() -> None:
    resolved = found(*spin(), walk(109))[-1]
    assert resolved.outcome is not None
    assert (resolved.outcome.how, resolved.outcome.task) == ("quiet", None)


def test_it_is_open_while_calls_come() -> None:
    findings = found(*spin(end=140))
    assert [finding.status for finding in findings] == ["open", *["update"] * 3]


def test_a_second_episode_is_another_finding() -> None:
    later: list[Event] = [asked(200.0, APP, "/app")]
    for t in (201, 202, 203, 204):
        calls = 400 + (t - 200) * 100
        later.append(activity(t, calls, nobody=calls))
    findings = found(*spin(), walk(120), *later)
    ids = list(dict.fromkeys(finding.id for finding in findings))
    assert len(ids) == 2
    assert findings[-1].since_t == 200.0
    assert findings[-1].calls < 400


def test_a_second_episode_ends_the_first_though_nothing_came_between() -> None:
    log = [asked(100 + i * 0.05, APP, "/app") for i in range(60)]
    looked = domain(100.01, domain_task())
    opened, resolved = found(log[0], looked, *log[1:], asked(300, APP, "/app"))
    assert (resolved.status, resolved.id) == ("resolved", opened.id)
    assert resolved.t == 300


def test_through_json_and_back() -> None:
    heir = domain_task(protected_by=(GUARD,), sharers=(77,))
    for finding in found(adjusted(99, GUARD, GUARD), *spin(heir), dead(104.2), walk(109)):
        data = json.loads(json.dumps(finding_to_json(finding)))
        assert (data["kind"], data["finding"]) == ("finding", "oom-livelock")
        assert finding_from_json(data) == finding

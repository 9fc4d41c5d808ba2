"""Livelocks of which ktrace did not see all: kills, results, cgroups; and what is then in doubt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.livelock import Livelocks
from ktrace.events import Event, OomCaller, Task
from ktrace.findings import OomLivelock
from tests.factories import (
    APP,
    activity,
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


def analysed(*events: Event) -> Analysis:
    analysis = Analysis(session(command="oom-livelock"))
    for event in events:
        analysis.feed(event)
    return analysis


def found(*events: Event) -> list[OomLivelock]:
    analysis = Analysis(session(command="oom-livelock"))
    findings = [finding for event in events for finding in analysis.feed(event)]
    assert all(isinstance(finding, OomLivelock) for finding in findings)
    return findings  # type: ignore[return-value]


def memcg_kill(t: float, victim: Task = APP, domain_id: int | None = None) -> Event:
    event = replace(oom_kill(t, victim), constraint="CONSTRAINT_MEMCG", cgroup="/app/inner")
    return replace(event, domain_id=domain_id)


def retries(seconds: int) -> list[Event]:
    events: list[Event] = []
    for i in range(seconds):
        t = 101.0 + i
        caller = OomCaller(APP, (i + 1) * 40, 100.5, t - 0.1, False)
        events.append(
            activity(t, (i + 1) * 40, call="reclaim_retry_zone", memcg=None, callers=(caller,))
        )
    return events


# An earlier victim, without a kill that ktrace saw ----------------------------------------------


def waiting(**changes: object) -> list[Event]:
    """870 calls a second that all wait for an earlier victim; tracing began after its kill."""
    return [
        activity(t, (t - 100) * 870, **({"waits": (t - 100) * 870} | changes))
        for t in range(101, 112)
    ]


def test_waits_need_no_kill_that_ktrace_saw() -> None:
    analysis = analysed(*waiting())
    (finding,) = analysis.of(Livelocks).open.values()
    assert (finding.reason, finding.victim, finding.kills) == ("victim", None, 0)
    assert analysis.end().verdict == "found"


def marked(t: float, task: Task = APP) -> Event:
    return state(t, task, oom_victim=True)


def test_the_victim_of_an_unseen_kill_is_found_by_a_walk() -> None:
    looked = domain(100.9, domain_task(), domain_task(Task(22, 22, "other")))
    for events, found_by in (
        ([asked(100.5, APP, "/app"), marked(100.8), walk(100.8005), looked, *waiting()], "domain"),
        ([marked(100.8), walk(100.8005), *waiting()], "walk"),
        ([marked(100.8), walk(100.8005), *waiting(memcg=None)], "domain"),
    ):
        victim = found(*events)[0].victim
        assert victim is not None
        assert (victim.pid, victim.for_s, victim.step) == (20, None, None)
        assert (victim.state, victim.found_by) == ("uninterruptible", found_by)


def test_a_victim_that_is_gone_is_not_waited_for() -> None:
    for end in (dead(100.85), walk(100.9)):
        assert found(marked(100.8), walk(100.8005), end, *waiting())[0].victim is None


def test_the_victim_of_another_domain_is_not_waited_for() -> None:
    other = replace(oom_kill(99.0), constraint="CONSTRAINT_MEMCG", cgroup="/apple")
    events = [other, marked(100.8), walk(100.8005), *waiting()]
    assert found(*events)[0].victim is None


def test_a_victim_whose_leader_is_dead_is_waited_for() -> None:
    """2701 calls: the leader died at once, another thread hangs."""
    thread = Task(20, 24, "appd")
    events: list[Event] = [memcg_kill(100.01), oom_victim(100.02), kill(100.02, si_code=128)]
    events += [dead(100.03), marked(101.5, thread), walk(101.5005)]
    events += [activity(t, (t - 100) * 386, waits=(t - 100) * 386) for t in range(102, 108)]
    finding = found(*events)[0]
    assert finding.reason == "victim"
    assert finding.victim is not None
    assert (finding.victim.pid, finding.victim.found_by) == (20, "kill")


# What cannot be told is no clean run -----------------------------------------------------------


def doubt(*events: Event) -> str:
    end = analysed(*events).end()
    assert end.verdict == ("inconclusive" if end.why else "clean")
    return end.why


def test_results_that_were_not_measured() -> None:
    """Without a probe on the return of out_of_memory(), and with tasks that may be killed."""
    other = domain_task(Task(22, 22, "other"), oom_score_adj=0)
    looked = domain(101.1, domain_task(), other)
    why = doubt(activity(101, 100), looked, activity(104, 400), walk(120))
    assert "memory cgroup /app" in why
    assert "killed nothing, what came of them was not measured" in why


def test_calls_alone_without_a_look() -> None:
    """As of bcc: each call is an event."""
    calls = [asked(100 + i * 0.05, APP, "/app") for i in range(60)]
    assert "60 calls of out_of_memory() for memory cgroup /app in 3.0 s" in doubt(*calls)


def test_results_that_say_nothing() -> None:
    events = [activity(t, (t - 100) * 50, other=(t - 100) * 50) for t in range(101, 106)]
    assert "why is not known (other " in doubt(*events, walk(120))


def test_calls_that_stopped_before_they_were_read() -> None:
    """For 1.6 s; the count is read 0.8 s later."""
    waited = activity(102.4, 900, waits=900, last_t=101.6)
    assert found(activity(101.2, 700, waits=700), waited, walk(106)) == []
    assert doubt(activity(101.2, 700, waits=700), waited, walk(106)) == ""


def test_a_few_returns_that_were_missed_do_not_hide_it() -> None:
    """A kretprobe has room for so many threads; the rest of the calls is judged by those known."""
    events = [activity(t, (t - 100) * 100, nobody=(t - 100) * 60) for t in range(101, 105)]
    assert found(*events)[0].reason == "nobody"
    events = [activity(t, (t - 100) * 100, nobody=(t - 100)) for t in range(101, 105)]
    assert "killed nothing" in doubt(*events)


def test_waits_and_nobody_together_get_nowhere() -> None:
    events = []
    for t in range(101, 106):
        calls = (t - 100) * 100
        events.append(activity(t, calls, waits=calls // 2 - 10, nobody=calls // 2 - 10, other=20))
    assert found(*events)[0].reason == "victim"


def test_a_run_that_ends_before_it_can_be_told() -> None:
    events = [activity(101, 400, nobody=400)]
    assert "400 calls" in doubt(*events)
    assert "when tracing ended" in doubt(*events)
    assert doubt(*events, walk(104)) == "", "the calls stopped by themselves"


def test_calls_too_slow_to_be_told() -> None:
    """A serial console takes seconds for a report of the OOM killer."""
    events = [activity(100.0 + t, t, nobody=t) for t in range(1, 8)]
    assert "7 calls" in doubt(*events)


def test_a_kill_just_before_the_end_is_ordinary() -> None:
    events: list[Event] = [memcg_kill(100.01), activity(101, 60, killed=1, waits=59, last_t=100.5)]
    assert "when tracing ended" not in doubt(*events, dead(100.6))


def test_kills_that_only_the_counts_tell_of_are_kills() -> None:
    """Without a probe on oom_kill_process() and oom:mark_victim."""
    events = []
    for t in range(101, 107):
        calls = (t - 100) * 30
        events.append(activity(t, calls, killed=t - 100, waits=calls - t + 100))
    assert found(*events) == []
    assert "6 OOM kills for memory cgroup /app counted, but not traced" in doubt(*events)


def test_retries_that_go_on_at_the_end() -> None:
    assert "reclaim_retry_zone events" in doubt(*retries(8))
    assert doubt(*retries(3)) == ""


def test_a_kill_in_a_cgroup_does_not_end_the_machine_s_retries() -> None:
    events = retries(14)
    events[7:7] = [memcg_kill(107.5), dead(107.6)]
    assert found(*events)[0].reason == "retry"


def test_a_caller_whose_count_began_anew_still_retries() -> None:
    """The kernel's table of callers drops the oldest when it is full."""
    events = []
    for i in range(16):
        calls = (i + 1 if i < 8 else i - 7) * 12
        caller = OomCaller(APP, calls, 100.5, 101.0 + i - 0.1, False)
        change = {"call": "reclaim_retry_zone", "memcg": None, "callers": (caller,)}
        events.append(activity(101.0 + i, (i + 1) * 12, **change))
    assert found(*events)[0].reason == "retry"


def test_victims_that_never_die_free_nothing() -> None:
    """Each is skipped by the reaper, the next is chosen, and none is seen to die."""
    events: list[Event] = []
    for i in range(12):
        t = 100.1 + i * 0.8
        events += [memcg_kill(t, Task(200 + i, 200 + i, "worker")), domain(t + 0.1)]
        events.append(activity(t + 0.2, 30 * i, killed=i + 1, waits=29 * i, last_t=t + 0.1))
    assert found(*events)[0].reason == "no-gain"


# A cgroup is the one of an id ------------------------------------------------------------------


def restarted(old: dict[str, object], new: dict[str, object]) -> list[Event]:
    """A service that spins, is killed, and spins again in a new cgroup of the same path; the end
    of the first is told for five seconds."""
    events: list[Event] = []
    for t in range(101, 105):
        events.append(activity(t, (t - 100) * 1000, nobody=(t - 100) * 1000, **old))
    for t in range(106, 112):
        if t < 110:
            gone = {"last_t": 103.99} | old
            events.append(activity(t, 4000, nobody=4000, **gone))
        calls = (t - 105) * 300
        events.append(activity(t + 0.1, calls, nobody=calls, first_t=105.1, **new))
    return events


@pytest.mark.parametrize("ids", [(7, 9), (None, None)])
def test_a_restarted_service_is_another_domain(ids: tuple[int | None, int | None]) -> None:
    """Traces of before the id was recorded tell them apart by when the counts began."""
    events = restarted({"cgroup_id": ids[0]}, {"cgroup_id": ids[1]})
    findings = found(*events, walk(120))
    opened = [finding for finding in findings if finding.status == "open"]
    assert [f.since_t for f in opened] == [100.0, 105.1]
    assert [f.cgroup_id for f in opened] == list(ids)
    assert all(f.calls_per_s > 0 for f in findings)
    ended = [finding for finding in findings if finding.status == "resolved"]
    assert [f.calls for f in ended] == [4000, 1800]
    assert analysed(*events).of(Livelocks).calls == 5800


def test_a_second_livelock_after_a_quiet_time() -> None:
    later = [
        activity(t, (t - 200) * 300, nobody=(t - 200) * 300, first_t=200.1, cgroup_id=9)
        for t in range(201, 206)
    ]
    first = [
        activity(t, (t - 100) * 1000, nobody=(t - 100) * 1000, cgroup_id=7) for t in range(101, 105)
    ]
    opened = [f for f in found(*first, walk(110), *later) if f.status == "open"]
    assert [f.cgroup_id for f in opened] == [7, 9]


def test_a_kill_belongs_to_the_cgroup_of_its_id() -> None:
    events: list[Event] = []
    for t in range(101, 106):
        calls = (t - 100) * 100
        events.append(activity(t, calls, nobody=calls, cgroup_id=7))
        events.append(memcg_kill(t + 0.5, domain_id=9))
    assert found(*events)[0].kills == 0


def test_the_first_telling_has_a_rate() -> None:
    """One count, read late on a slow machine."""
    assert found(activity(103, 1582, nobody=1582))[0].calls_per_s == pytest.approx(529, abs=1)


def test_counts_that_are_read_late_are_one_livelock() -> None:
    events = [activity(t, (t - 100) * 600, nobody=(t - 100) * 600) for t in (101, 103, 107, 108)]
    assert [f.status for f in found(*events)] == ["open"]


def test_domains_are_bounded() -> None:
    analysis = Analysis(session(command="oom-livelock"))
    for number in range(600):
        analysis.feed(activity(101 + number * 0.01, 5, nobody=5, memcg=f"/{number}"))
    assert "OOM domains more than can be followed" in analysis.end().why
    assert analysis.of(Livelocks).calls == 3000

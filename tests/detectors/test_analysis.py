"""The verdict: found, clean, or honestly neither."""

import json
from dataclasses import replace

import pytest

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event, Lost, ProbeChange
from ktrace.findings import End, Probe
from ktrace.views.oom_counts import count_oom_kills
from tests.factories import dead, kill, oom_kill, session, state, walk

pytestmark = pytest.mark.unit

STUCK = [kill(101), state(103), walk(103.001)]


def test_clean() -> None:
    analysis = Analysis(session())
    assert analysis.feed(walk(101)) == []
    end = analysis.end()
    assert (end.verdict, end.findings, end.lost, end.t) == ("clean", 0, 0, 101)


def test_found_stays_found_when_it_resolves() -> None:
    analysis = Analysis(session())
    for event in [*STUCK, dead(104)]:
        analysis.feed(event)
    end = analysis.end()
    assert (end.verdict, end.findings) == ("found", 1)


def test_lost_events_are_never_clean() -> None:
    analysis = Analysis(session())
    analysis.feed(Lost(t=101, what="task_dead", count=2))
    analysis.feed(Lost(t=102, what="task_dead", count=5))
    end = analysis.end()
    assert (end.verdict, end.lost, end.lost_by) == ("inconclusive", 5, {"task_dead": 5})


def test_a_walk_that_broke_off_is_never_clean() -> None:
    analysis = Analysis(session())
    analysis.feed(walk(101, complete=False))
    assert analysis.end().verdict == "inconclusive"


@pytest.mark.parametrize(
    "events",
    [
        [kill(101), state(101.5), walk(101.501)],  # in D, SIGKILL pending
        [state(100.5), walk(100.501)],  # the same, killed before tracing started
        [kill(101)],
        [kill(101), dead(101.01)],  # its leader; nobody looked whether there were other threads
        [replace(oom_kill(101), threads=4), kill(101.1, si_code=128), dead(101.2)],
    ],
)
def test_what_is_not_decided_yet_is_a_doubt(events: list[Event]) -> None:
    analysis = Analysis(session())
    for event in events:
        analysis.feed(event)
    end = analysis.end()
    assert end.verdict == "inconclusive"
    assert end.why == "the run ended less than 1 s after 1 kill"


def test_what_a_last_walk_found_dead_is_decided() -> None:
    analysis = Analysis(session())
    for event in [kill(101), dead(101.01), walk(101.2)]:
        analysis.feed(event)
    assert analysis.end().verdict == "clean"


def test_no_oom_kill_is_told_only_where_one_would_have_been_seen() -> None:
    assert count_oom_kills(Analysis(session())) == 0
    assert count_oom_kills(Analysis(session(probes=()))) is None


def test_kills_are_no_matter_of_bad_pages() -> None:
    analysis = Analysis(session(command="bad-page"))
    analysis.feed(kill(101))
    assert "1 kill" not in analysis.end().why


@pytest.mark.parametrize("function", ["task", "signal_generate", "sched_switch"])
def test_a_probe_that_the_verdict_needs_is_missing(function: str) -> None:
    probes = tuple(
        Probe(p.function, "", "missing", "refused") if p.function == function else p
        for p in session().probes
    )
    end = Analysis(session(probes=probes)).end()
    assert end.verdict == "inconclusive"
    assert function in end.why


def test_a_probe_that_the_verdict_does_not_need() -> None:
    probes = (*session().probes, Probe("bad_page", "", "missing", "refused"))
    assert Analysis(session(probes=probes)).end().verdict == "clean"


def test_probes_that_come_later() -> None:
    waiting = Probe("squashfs_cache_get", "", "waiting", "its module is not loaded")
    analysis = Analysis(session(probes=(*session().probes, waiting)))
    analysis.feed(
        ProbeChange(t=101, function="squashfs_cache_get", hook="kprobe", state="attached", why="")
    )
    assert analysis.probes["squashfs_cache_get"].hook == "kprobe"


def missing(*functions: str) -> Analysis:
    probes = session(command="record").probes
    others = ("bad_page", "out_of_memory", "reclaim_retry_zone", "compact_retry")
    every = {probe.function: probe for probe in probes} | {
        name: Probe(name, "tp_btf", "attached") for name in others
    }
    for function in functions:
        every[function] = Probe(function, "", "missing", "refused")
    return Analysis(session(command="record", probes=tuple(every.values())))


def test_the_end_says_what_was_found_and_watched() -> None:
    analysis = missing()
    for event in STUCK:
        analysis.feed(event)
    end = analysis.end()
    assert end.found == {"oom-hang": 1, "bad-page": 0, "oom-livelock": 0}
    assert (end.counts["kills"], end.counts["stuck_threads"], end.counts["oom_calls"]) == (1, 1, 0)
    assert json.loads(json.dumps(end.to_json()))["found"] == end.found
    assert End.from_json(end.to_json()) == end


@pytest.mark.parametrize(
    ("function", "problem", "count"),
    [
        ("bad_page", "bad-page", "bad_pages"),
        ("page checks", "bad-page", None),
        ("out_of_memory", "oom-livelock", "oom_calls"),
        ("compact_retry", "oom-livelock", None),
        ("task", "oom-hang", "stuck_threads"),
    ],
)
def test_what_was_not_measured_is_null(function: str, problem: str, count: str | None) -> None:
    end = missing(function).end()
    assert end.verdict == "inconclusive"
    assert [name for name, number in end.found.items() if number is None] == [problem]
    assert [name for name, number in end.counts.items() if number is None] == (
        {"out_of_memory": ["oom_calls", "oom_livelocks"]}.get(function, [count] if count else [])
    )


def test_a_problem_without_any_probe_is_never_clean() -> None:
    end = Analysis(session(command="bad-page", probes=())).end()
    assert (end.verdict, end.found) == ("inconclusive", {"bad-page": None})

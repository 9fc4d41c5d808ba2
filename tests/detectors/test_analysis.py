"""The verdict: found, clean, or honestly neither."""

import pytest

from ktrace.detectors.analysis import Analysis
from ktrace.events import Lost, ProbeChange
from ktrace.findings import Probe
from tests.factories import dead, kill, session, state, walk

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

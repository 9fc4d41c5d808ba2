"""Runs that judge only some tasks."""

from __future__ import annotations

import pytest

from ktrace.detectors.analysis import Analysis
from ktrace.errors import UsageError
from ktrace.findings import Session, StuckTask
from ktrace.redaction import Redaction
from ktrace.task_filter import TaskFilter
from tests.factories import APP, kill, oom_kill, session, state, walk

pytestmark = pytest.mark.unit


def stuck(task_filter: TaskFilter, cgroup: str | None = "/system.slice/app.service") -> Analysis:
    """appd is stuck in that cgroup."""
    analysis = Analysis(session(filter=task_filter))
    for event in (
        kill(101.0),
        state(101.1, cgroup=cgroup),
        walk(101.2, 0.2),
        state(103.0, cgroup=cgroup),
        walk(103.1, 0.2),
    ):
        for finding in analysis.feed(event):
            assert isinstance(finding, StuckTask)
            assert (finding.cgroup, finding.unit) == (cgroup, "app.service" if cgroup else None)
    return analysis


def test_who_fits_is_found() -> None:
    assert stuck(TaskFilter(unit=("app",))).end().verdict == "found"


def test_the_verdict_is_about_those_who_fit() -> None:
    end = stuck(TaskFilter(unit=("other",))).end()
    assert (end.verdict, end.counts["stuck_threads"]) == ("clean", 0)


def test_of_an_unknown_cgroup_nobody_says_that_it_is_not_the_one() -> None:
    assert stuck(TaskFilter(unit=("other",)), cgroup=None).end().verdict == "found"


@pytest.mark.parametrize(("comm", "shown"), [("appd", 1), ("other", 0)])
def test_oom_kills_that_are_shown(comm: str, shown: int) -> None:
    analysis = Analysis(session(filter=TaskFilter(comm=(comm,))))
    analysis.feed(oom_kill(101.0, APP))
    assert len(analysis.oom_kills) == len(analysis.changes) == shown


def test_a_replay_has_the_filter_of_its_recording() -> None:
    given = session(filter=TaskFilter(comm=("appd",), pid=(20,)))
    assert Session.from_json(given.to_json()) == given


def test_a_filter_fits_no_pseudonyms() -> None:
    with pytest.raises(UsageError):
        Redaction().of(session(filter=TaskFilter(comm=("appd",))))

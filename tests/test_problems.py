"""The registry: each line names what there is, and nothing is named twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ktrace.detectors.detector import Detector
from ktrace.probes.catalog import PURPOSES
from ktrace.problems import (
    PROBLEMS,
    Problem,
    finding_type,
    hot_objects,
    live_problems,
    problem_of,
    reported,
)
from ktrace.problems import verdicts_that_need as needed_by

pytestmark = pytest.mark.unit

each = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)


@each
def test_its_detector_has_the_findings_that_it_names(problem: Problem) -> None:
    detector = problem.detector_type()
    assert issubclass(detector, Detector)
    assert tuple(kind.finding for kind in detector.findings) == problem.findings
    for kind in detector.findings:
        assert finding_type(kind.finding) is kind
        assert problem_of(kind.finding) is problem


@each
def test_its_view_has_all_that_a_view_has(problem: Problem) -> None:
    told = ["line", "details", "prose"]
    for name in [*told, "body", "report", "summary"] if problem.live else told:
        assert callable(getattr(problem.view_module(), name))


@each
def test_its_probes_are_in_the_catalogue(problem: Problem) -> None:
    assert problem.probes or not problem.live
    assert set(problem.probes) <= PURPOSES.keys()
    assert all(problem.name in needed_by(function) for function in problem.probes)


def test_nothing_is_named_twice() -> None:
    for named in (
        [problem.name for problem in PROBLEMS],
        [finding for problem in PROBLEMS for finding in problem.findings],
    ):
        assert len(named) == len(set(named))


def test_what_a_command_reports() -> None:
    assert [problem.name for problem in reported("bad-page")] == ["bad-page"]
    assert [problem.name for problem in reported("dmesg")] == [
        "bad-page",
        "oom-livelock",
        "hung-task",
        "alarm",
    ]
    everything = tuple(problem for problem in live_problems() if not problem.hot)
    assert reported("record") == everything
    assert reported("?") == everything  # of a trace whose session record is damaged


def test_hot_hooks_are_for_their_own_command() -> None:
    """And for a recording that asks for them."""
    assert hot_objects("big-alloc") == ("allocations",)
    assert hot_objects("squashfs") == ("squashfs_use",)
    assert hot_objects("record", ["big-alloc"]) == ("allocations",)
    asked = {problem.name for problem in reported("record", ["big-alloc", "?"])}
    assert asked == {problem.name for problem in reported("record")} | {"big-alloc"}
    assert [problem.name for problem in reported("oom-hang", ["big-alloc"])] == ["oom-hang"]
    assert not any(hot_objects(command) for command in ("record", "watch", "oom-hang", "dmesg"))


def test_unknown_findings() -> None:
    assert problem_of("no-such") is None
    assert finding_type("no-such") is None


def test_only_what_is_used_is_imported() -> None:
    """The live path stays small: no screen for a pipe, no log scanner, no view of what was not
    found."""
    code = """
import sys
from ktrace.commands.live import live_command
from ktrace.detectors.analysis import Analysis
from ktrace.views.lines import LinesView
from tests.factories import kill, session, state, walk
live_command("oom-hang")
view, analysis = LinesView(), Analysis(session())
view.start(analysis)
for event in (kill(101), state(103), walk(103.001)):
    view.event(event, analysis.feed(event))
view.end(analysis.end())
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[1]
    )
    imported = set(done.stdout.splitlines()[-1].split())
    assert "ktrace.views.oom_hang" in imported, done.stderr
    unused = {"rich", "ktrace.sources.log", "ktrace.views.bad_page", "ktrace.views.oom_livelock"}
    assert not imported & (unused | {"ktrace.detectors.alarms", "ktrace.views.report"})

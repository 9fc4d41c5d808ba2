"""What ktrace stuck shows."""

import pytest
from rich.console import Console

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event, Task
from ktrace.findings import Probe
from ktrace.views.blocked import body, report, summary
from tests.detectors.test_wait_chains import wait
from tests.factories import APP, session, state, walk

pytestmark = pytest.mark.unit

HOLDER = Task(30, 30, "holder")
FROZEN = {"wait": "frozen-file-system", "detail": "ext4 on loop0 (/data)", "target": "/data"}


def looks(t: float) -> list[Event]:
    """A task that waits for a mutex, whose holder waits for a frozen file system."""
    return [
        state(t, killed=()),
        state(t, HOLDER, killed=()),
        wait(t, APP, HOLDER),
        wait(t, HOLDER, **FROZEN),
        walk(t + 0.1, took=0.2),
    ]


def analysed(events: list[Event]) -> tuple[Analysis, dict[str, list[object]]]:
    analysis = Analysis(session(command="stuck"))
    told: dict[str, list[object]] = {}
    for event in events:
        for finding in analysis.feed(event):
            told.setdefault(finding.id, []).append(finding)
    return analysis, told


def test_the_end_of_the_chains_comes_first() -> None:
    analysis, told = analysed([*looks(100.0), *looks(101.5)])
    lines = report(analysis, told)  # type: ignore[arg-type]
    assert lines[:3] == [
        "2 tasks wait, directly or not, for frozen file system: ext4 on loop0 (/data)",
        "  to release: thaw the file system (`fsfreeze -u /data`)",
        "",
    ]
    where = "uninterruptible in squashfs_cache_get, wait_event"
    assert f"appd[20]: {where} for at least 1.5s" in lines
    assert summary(analysis, brief=False) == ["2 tasks are blocked, for at least 1.0s"]


def test_a_replay_has_a_screen() -> None:
    analysis, _ = analysed([*looks(100.0), *looks(101.5)])
    drawn = body().lines(analysis, 102.0, 80, 6)
    with (console := Console(width=80)).capture() as capture:
        for line in drawn:
            console.print(line)
    lines = capture.get().splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("2 tasks wait, directly or not, for frozen file system")
    assert "more lines" in lines[-1]


def test_nothing_blocked() -> None:
    analysis, told = analysed([walk(100.1), walk(101.6)])
    assert report(analysis, told) == ["No task is blocked.", ""]  # type: ignore[arg-type]
    assert summary(analysis, brief=False) == ["no task was in the same sleep in D for 1.0s"]


def test_without_the_walk_it_is_not_measured() -> None:
    probes = (Probe("task", "", "missing", "no task iterator"),)
    analysis = Analysis(session(command="stuck", probes=probes))
    assert summary(analysis, brief=False) == [
        "blocked tasks: not measured, the tasks cannot be walked here"
    ]
    assert analysis.end().verdict == "inconclusive"

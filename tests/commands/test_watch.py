"""Options of `ktrace watch`: each arrives in the run, or is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ktrace.commands import watch
from ktrace.errors import ExitCode
from ktrace.live.options import Options
from ktrace.task_filter import TaskFilter
from ktrace.watch.view import WatchView

pytestmark = pytest.mark.unit

ARRIVES = {
    "nothing": ([], "blocked_after", None),
    "--stuck-after": (["--stuck-after", "2"], "stuck_after", 2.0),
    "--all-blocked-after": (["--all-blocked-after", "120"], "blocked_after", 120.0),
    "and all chains": (["--all-blocked-after", "120"], "all_waits", True),
    "--traces": (["--traces", "t"], "traces", "t"),
    "--segment-size": (["--segment-size", "2M"], "segment_size", 2 << 20),
    "--segment-age": (["--segment-age", "1d"], "segment_age", 86400.0),
    "--keep": (["--keep", "2G"], "keep", 2 << 30),
    "default --keep": ([], "keep", 1 << 30),
    "--before": (["--traces", "t", "--before", "60s"], "before", 60.0),
    "-d": (["-d", "1.5h"], "duration", 5400.0),
    "--state": (["--state", "s"], "state", "s"),
    "--loader": (["--loader", "bcc"], "loader", "bcc"),
    "--unit": (["--unit", "cron"], "filter", TaskFilter(unit=("cron",))),
}
REFUSED = {
    "--before alone": (["--before", "60s"], "--before goes with --traces DIR"),
    "--before 0": (["--traces", "t", "--before", "0"], "is not a time such as 60s"),
    "--before inf": (["--traces", "t", "--before", "inf"], "is not a time such as 60s"),
    "--segment-size": (["--segment-size", "1K"], "1K is less than 1M"),
    "--metrics": (["--metrics", "there"], "is neither [ADDRESS:]PORT nor a path of a file"),
    "--journal": (["--journal"], "cannot reach /nowhere"),
}


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Options, WatchView]]:
    """In place of ktrace.live.run.run, on a machine without a journal."""
    seen: list[tuple[Options, WatchView]] = []

    def run(options: Options, view: WatchView) -> ExitCode:
        seen.append((options, view))
        return ExitCode.CLEAN

    monkeypatch.setattr(watch, "run", run)
    monkeypatch.setattr("ktrace.watch.journal.SOCKET", "/nowhere")
    return seen


@pytest.mark.parametrize("option", ARRIVES)
def test_arrives(runs: list[tuple[Options, WatchView]], option: str) -> None:
    arguments, member, value = ARRIVES[option]
    result = CliRunner().invoke(watch.watch, arguments)
    assert (result.exit_code, result.output) == (0, "")
    ((options, _),) = runs
    assert options.command == "watch"
    assert getattr(options, member) == value


@pytest.mark.parametrize("option", REFUSED)
def test_refused(runs: list[tuple[Options, WatchView]], option: str) -> None:
    arguments, why = REFUSED[option]
    result = CliRunner().invoke(watch.watch, arguments)
    assert runs == []
    assert why in result.output + str(result.exception)


def test_a_service_without_a_journal_prints_lines(
    runs: list[tuple[Options, WatchView]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    assert CliRunner().invoke(watch.watch, []).exit_code == 0
    assert len(runs) == 1

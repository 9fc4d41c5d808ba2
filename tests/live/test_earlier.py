"""A log from before the run that cannot be read leaves a doubt, live and in a replay."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrace.errors import ExitCode
from ktrace.live import run as live
from ktrace.sources.live import earlier_pages
from ktrace.sources.live.earlier_pages import EarlierPages
from tests.live.fake import FakeRun

pytestmark = pytest.mark.unit


@pytest.fixture
def no_log(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(earlier_pages, "earlier_reports", refuse)
    monkeypatch.setattr(live, "open_earlier", lambda _: [EarlierPages(None)])
    return run


def test_a_log_that_cannot_be_read_is_no_clean_run(no_log: FakeRun, tmp_path: Path) -> None:
    trace = tmp_path / "run.ktrace"
    code, out, _ = no_log(command="bad-page", record=str(trace))
    assert code == ExitCode.INCONCLUSIVE
    assert "no probe on kernel log" in out
    code, text = no_log.report(trace)
    assert code == ExitCode.INCONCLUSIVE
    assert "verdict: inconclusive (no probe on kernel log)" in text


def test_who_does_not_report_bad_pages_does_not_need_it(no_log: FakeRun) -> None:
    assert no_log(command="oom-hang")[0] == ExitCode.CLEAN

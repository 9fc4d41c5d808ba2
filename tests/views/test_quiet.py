"""What record tells while it runs."""

import pytest

from ktrace.events import Lost
from ktrace.views.quiet import QuietView, progress
from tests.views.runs import STUCK, new_analysis, show

pytestmark = pytest.mark.unit


def test_where_how_much_and_how_to_stop(capsys: pytest.CaptureFixture[str]) -> None:
    show(QuietView("run.ktrace"), STUCK)
    told = capsys.readouterr().err.splitlines()
    assert "recording to run.ktrace; Ctrl-C stops and summarises" in told
    assert "recorded 10 events to run.ktrace" in told
    assert told[-1] == "verdict: found"


def test_how_it_goes() -> None:
    analysis = new_analysis()
    for event in (*STUCK, Lost(t=104.0, what="task_dead", count=7)):
        analysis.feed(event)
    analysis.recorded = 12_345
    line = progress(analysis, "run.ktrace", 172.0)
    assert line == "00:01:12  12 kB, 11 events  2 findings  lost 7  to run.ktrace"
    analysis.recorded = 1_234_567
    assert "1.2 MB, 11 events" in progress(analysis, "run.ktrace", 172.0)


def test_a_pipe_gets_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    view = QuietView("run.ktrace")
    view.start(new_analysis())
    before = capsys.readouterr().err
    view.tick(105.0)
    assert before
    assert capsys.readouterr().err == ""

"""The text for a mailing list."""

import pytest

from ktrace.views.report import ReportView
from tests.views.golden import Golden
from tests.views.runs import RESOLVED, STUCK, show

pytestmark = pytest.mark.unit


def test_report(capsys: pytest.CaptureFixture[str], golden: Golden) -> None:
    show(ReportView(), [*STUCK, *RESOLVED])
    golden.check("report.txt", capsys.readouterr().out)


def test_still_stuck_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    show(ReportView(), STUCK)
    assert "still stuck" in capsys.readouterr().out


def test_nothing_found(capsys: pytest.CaptureFixture[str]) -> None:
    show(ReportView(), [])
    text = capsys.readouterr().out
    assert "No thread was stuck after SIGKILL." in text
    assert text.endswith("verdict: clean\n")


def test_no_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    show(ReportView(), [*STUCK, *RESOLVED])
    text = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in text)

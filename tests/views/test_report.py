"""The text for a mailing list."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ktrace.commands.report import report
from ktrace.detectors.analysis import Analysis
from ktrace.views import words
from ktrace.views.report import ReportView
from tests.factories import session
from tests.trace.samples import RECORDS, write
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
    assert "0 processes killed in 0.00s, none stuck after SIGKILL; 0 OOM kills\n" in text
    assert text.endswith("verdict: clean\n")


def test_no_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    show(ReportView(), [*STUCK, *RESOLVED])
    text = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in text)


def test_several_reports_are_headed_by_their_files(tmp_path: Path) -> None:
    files = [str(write(tmp_path / name, RECORDS)) for name in ("a.ktrace", "b.ktrace")]
    text = CliRunner().invoke(report, files).output
    assert [line for line in text.splitlines() if line.startswith("====")] == [
        f"==== {file} ====" for file in files
    ]
    assert "====" not in CliRunner().invoke(report, files[:1]).output


def test_the_time_of_day_beside_the_relative_time(capsys: pytest.CaptureFixture[str]) -> None:
    show(ReportView(), [*STUCK, *RESOLVED])
    assert "traced   2026-11-21T22:11:52Z to 22:12:03Z, for 11.3s\n" in capsys.readouterr().out


@pytest.mark.parametrize("wall", ["?", "\x1b[2J", "9999-12-31T23:59:59Z", ""])
def test_a_time_of_day_that_is_none(wall: str) -> None:
    assert words.wall_clock(session(wall=wall), 1e12) == ""


def test_notes_and_doubts_fit_into_a_mail(capsys: pytest.CaptureFixture[str]) -> None:
    long = (
        "the OOM killer may kill ktrace (Permission denied: oom_score_adj -1000 needs CAP_SYS_RES)"
    )
    analysis = Analysis(session(warnings=(long,)))
    view = ReportView()
    view.start(analysis)
    view.end(replace(analysis.end(), verdict="inconclusive", why="; ".join([long] * 3)))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert long.rpartition(" ")[2] in "".join(lines)

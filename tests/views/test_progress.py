"""The bar of a long reading: on a terminal's stderr alone, and out of the way of what is said."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from ktrace.comparison.runs import read_runs
from ktrace.log_run import run as read_log
from ktrace.replay.run import replay
from ktrace.views import progress
from ktrace.views.log_view import log_view
from ktrace.views.output import complain, say, status
from ktrace.views.progress import Progress, bar, speed
from ktrace.views.report import ReportView

pytestmark = pytest.mark.unit

TRACE = Path(__file__).parents[2] / "examples" / "bad-ram" / "boot-1.ktrace"
CLEARED = "\r\x1b[K"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reading is a long one."""
    monkeypatch.setattr(progress, "_AFTER_S", 0.0)
    monkeypatch.setattr(progress, "_EVERY_S", 0.0)


@pytest.fixture
def terminal(at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """stderr is one."""
    monkeypatch.setattr(
        progress, "sys", SimpleNamespace(stderr=SimpleNamespace(isatty=lambda: True))
    )


def read_dmesg(path: str) -> None:
    read_log([path], log_view(as_json=False))


READINGS: list[Callable[[str], object]] = [
    lambda path: replay([path], lambda _command, _file: ReportView(""), 0),
    lambda path: read_runs([path], None),
    read_dmesg,
]


def sample(tmp_path: Path, reading: Callable[[str], object]) -> str:
    if reading is read_dmesg:
        log = tmp_path / "log"
        log.write_text("[    1.000000] Linux version 6.1\n" * 10_000)
        return str(log)
    return str(TRACE)


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.usefixtures("terminal")
def test_shown_while_it_is_read_and_gone_at_the_end(
    reading: Callable[[str], object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reading(sample(tmp_path, reading))
    shown = capsys.readouterr()
    assert " MB" in shown.err
    assert shown.err.endswith(CLEARED)
    assert CLEARED not in shown.out


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.usefixtures("at_once")
def test_none_where_stderr_is_no_terminal(
    reading: Callable[[str], object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reading(sample(tmp_path, reading))
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("told", [say, complain])
def test_what_is_said_takes_its_place(
    told: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    status("half of it")
    told("a line")
    told("another one")
    shown = capsys.readouterr()
    assert (shown.err + shown.out).startswith(f"\rhalf of it\x1b[K{CLEARED}a line\nanother one\n")


@pytest.mark.usefixtures("terminal")
def test_nothing_comes_after_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Progress(100)
    shown.update(50)
    shown.close()
    shown.update(60)
    assert capsys.readouterr().err.endswith(CLEARED)


def test_bar() -> None:
    assert bar(600_000_000, 1_000_000_000) == f"[{'#' * 18}{'-' * 12}]  60%  600 of 1000 MB"
    assert bar(5_000_000, 0) == "5 MB"
    assert "100%" in bar(2, 1)


def test_rate_and_time_left() -> None:
    assert speed(50_000_000, 150_000_000, 4.0) == ", 12.5 MB/s, 8 s left"
    assert speed(50_000_000, 0, 4.0) == ", 12.5 MB/s"
    assert speed(0, 150_000_000, 4.0) == ""

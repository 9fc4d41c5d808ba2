"""COMMAND: how it ended is shown, recorded, in JSON; and it does not outlive the run unasked."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from ktrace.errors import ExitCode, UsageError
from ktrace.events import Event
from ktrace.live import opening
from ktrace.live import run as live
from ktrace.views.lines import LinesView
from tests.factories import kill, state, walk
from tests.live.fake import FakeRun, last_record

pytestmark = pytest.mark.unit

# Popen complains of a process that still runs
still_runs = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


def stuck(t: float) -> list[Event]:
    return [kill(t - 5), state(t), walk(t + 0.001)]


def alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.parametrize(
    ("argv", "outcome", "status", "number", "told"),
    [
        (("true",), "exited", 0, None, "COMMAND (true): exit status 0 after "),
        (
            ("sh", "-c", "exit 3"),
            "exited",
            3,
            None,
            "COMMAND (sh -c 'exit 3'): exit status 3 after",
        ),
        (("sh", "-c", "/no/such"), "exited", 127, None, "exit status 127 (a shell's: not found)"),
        (("sh", "-c", "/"), "exited", 126, None, "exit status 126 (a shell's: cannot be executed)"),
        (("sh", "-c", "kill -SEGV $$"), "signalled", None, 11, "killed by SIGSEGV after"),
    ],
)
def test_how_it_ended(
    run: FakeRun,
    tmp_path: Path,
    argv: tuple[str, ...],
    outcome: str,
    status: int | None,
    number: int | None,
    told: str,
) -> None:
    trace = tmp_path / "run.ktrace"
    end = run.end(run=argv, duration=None, record=str(trace))
    command = end["command"]
    assert (command["argv"], command["by_ktrace"]) == ([*argv], False)
    assert (command["outcome"], command["status"], command["signal"]) == (outcome, status, number)
    assert end["verdict"] == "clean"  # without --strict it changes no verdict
    assert last_record(trace)["command"] == command
    code, text = run.report(trace)
    assert code == ExitCode.CLEAN
    assert told in text


@pytest.mark.parametrize(
    ("argv", "verdict", "code"),
    [
        (("true",), "clean", ExitCode.CLEAN),
        (("false",), "inconclusive", ExitCode.INCONCLUSIVE),
        (("sh", "-c", "kill -9 $$"), "inconclusive", ExitCode.INCONCLUSIVE),
    ],
)
def test_strict(
    run: FakeRun, tmp_path: Path, argv: tuple[str, ...], verdict: str, code: ExitCode
) -> None:
    trace = tmp_path / "run.ktrace"
    got, out, _ = run(LinesView(), run=argv, duration=None, strict=True, record=str(trace))
    assert (got, f"verdict: {verdict}" in out) == (code, True)
    assert ("COMMAND failed" in out) == (verdict != "clean")
    assert run.report(trace)[0] == code


def test_what_was_found_outweighs_a_command_that_failed(run: FakeRun) -> None:
    run.once(stuck)
    argv = ("sh", "-c", "sleep 0.2; false")
    assert run(run=argv, duration=None, strict=True)[0] == ExitCode.FOUND


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "no such program"),
        (lambda path: path.write_text("#!/bin/sh\n"), "it is not executable"),
        (lambda path: path.mkdir(), "it is a directory"),
    ],
)
def test_refused_before_anything_is_attached(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make: object, why: str
) -> None:
    monkeypatch.setattr(opening, "LiveSource", None)
    program, trace = tmp_path / "program", tmp_path / "run.ktrace"
    make(program)  # type: ignore[operator]
    with pytest.raises(UsageError, match=why):
        run(run=(str(program),), record=str(trace))
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"\x7fELF\x01", "Exec format error"), (b"#!/no/such/shell\n", "No such file or directory")],
)
def test_what_the_kernel_refuses_to_execute_is_recorded(
    run: FakeRun, tmp_path: Path, content: bytes, why: str
) -> None:
    program, trace = tmp_path / "program", tmp_path / "run.ktrace"
    program.write_bytes(content)
    program.chmod(0o755)
    with pytest.raises(UsageError, match=f"cannot run {program}: {why}"):
        run(run=(str(program),), duration=None, record=str(trace))
    end = last_record(trace)
    assert (end["kind"], end["verdict"]) == ("end", "inconclusive")
    assert (end["command"]["outcome"], end["command"]["why"]) == ("not-executed", why)


def test_it_is_ended_with_the_run(run: FakeRun) -> None:
    command = run.end(run=("sleep", "60"), duration=0.2)["command"]
    assert (command["outcome"], command["signal"]) == ("signalled", signal.SIGTERM)
    assert command["by_ktrace"]
    assert not alive(command["pid"])


def test_that_ktrace_ended_it_is_no_failure(run: FakeRun) -> None:
    assert run(run=("sleep", "60"), strict=True)[0] == ExitCode.CLEAN


def test_it_is_ended_when_a_finding_stops_the_run(run: FakeRun) -> None:
    run.once(stuck)
    end = run.end(run=("sleep", "60"), duration=None, on_finding="stop")
    assert (end["verdict"], end["command"]["by_ktrace"]) == ("found", True)


def test_all_of_its_process_group_is_ended(run: FakeRun, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"sleep 60 & echo $! >{pid_file}; wait"
    run(run=("sh", "-c", script), duration=0.4)
    assert not alive(int(pid_file.read_text()))


def test_sigkill_for_one_that_ignores_sigterm(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_KILLS", ((signal.SIGTERM, 0.2), (signal.SIGKILL, 5.0)))
    script = "trap '' TERM; while :; do sleep 0.1; done"
    command = run.end(run=("sh", "-c", script), duration=0.3)["command"]
    assert (command["outcome"], command["signal"]) == ("signalled", signal.SIGKILL)


@still_runs
def test_one_that_does_not_die_is_not_waited_for(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a task in D: here the signals are lost."""
    monkeypatch.setattr(live, "_KILLS", ((signal.SIGTERM, 0.2), (signal.SIGKILL, 0.2)))
    sent: list[int] = []
    killpg = os.killpg
    monkeypatch.setattr(os, "killpg", lambda pid, number: sent.append(number))
    started = time.monotonic()
    command = run.end(run=("sleep", "60"), duration=0.1)["command"]
    assert time.monotonic() - started < 50
    killpg(command["pid"], signal.SIGKILL)
    os.waitpid(command["pid"], 0)
    assert command["outcome"] == "unkillable"
    assert [number for number in sent if number] == [signal.SIGTERM, signal.SIGKILL]


@still_runs
def test_keep_running(run: FakeRun) -> None:
    end = run.end(run=("sleep", "60"), duration=0.2, keep_running=True, strict=True)
    command = end["command"]
    assert alive(command["pid"])
    os.kill(command["pid"], signal.SIGKILL)
    os.waitpid(command["pid"], 0)
    assert (command["outcome"], end["verdict"]) == ("running", "clean")

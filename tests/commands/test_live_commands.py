"""Each option of the live commands on this machine's kernel, on each of them."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from ktrace.commands.live import RECORD
from ktrace.problems import live_problems, reported
from tests.live.fake import last_record
from tests.tracer import KTRACE, ktrace

pytestmark = pytest.mark.kernel

COMMANDS = [*(problem.name for problem in live_problems()), RECORD]
ENDED = (0, 1, 4)  # a kernel whose page checks are off, or whose log has bad pages, is no failure

each_command = pytest.mark.parametrize("command", COMMANDS)


def run(trace: Path, command: str, *options: str) -> tuple[int, list[dict[str, Any]], str]:
    done = ktrace(command, "--json", "-o", str(trace), *options)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "run.ktrace"


@each_command
def test_duration_stuck_after_and_loader_arrive(trace: Path, command: str) -> None:
    options = ("-d", "0.3", "--stuck-after", "2.5", "--loader", "libbpf")
    code, records, _ = run(trace, command, *options)
    assert code in ENDED
    session, end = records[0], records[-1]
    assert (session["command"], session["stuck_after"]) == (command, 2.5)
    assert session["loader"] == "libbpf"
    assert end["t"] - session["t"] >= 0.3
    assert [*end["found"]] == [problem.name for problem in reported(command)]


@each_command
def test_bcc_is_used_or_refused_but_not_ignored(trace: Path, command: str) -> None:
    code, records, errors = run(trace, command, "-d", "0.3", "--loader", "bcc")
    assert code in (*ENDED, 3), errors
    assert records[0]["loader"] == "bcc" if records else "bcc" in errors


@each_command
def test_a_recording_is_private_and_never_overwritten_unasked(trace: Path, command: str) -> None:
    assert run(trace, command, "-d", "0.1")[0] in ENDED
    assert stat.S_IMODE(trace.stat().st_mode) == 0o600
    assert last_record(trace)["kind"] == "end"
    before = trace.read_bytes()
    code, records, errors = run(trace, command, "-d", "0.1")
    assert (code, records) == (2, [])
    assert "exists" in errors
    assert "--force" in errors
    assert trace.read_bytes() == before
    assert run(trace, command, "-d", "0.1", "--force")[0] in ENDED
    assert trace.read_bytes() != before


@each_command
def test_a_trace_is_not_touched_by_who_may_not_trace(command: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are root's alone
        os.chmod(folder, 0o777)
        trace = Path(folder, "run.ktrace")
        trace.write_text("of yesterday\n")
        trace.chmod(0o666)
        done = ktrace(command, "--force", "-o", str(trace), "-d", "0", user=65534, cwd="/")
        assert done.returncode == 3
        assert trace.read_text() == "of yesterday\n"


@each_command
def test_how_command_ended(trace: Path, command: str) -> None:
    code, records, errors = run(trace, command, "--strict", "--", "sh", "-c", "echo said; exit 3")
    assert code in (1, 4)
    assert "said" in errors
    told = records[-1]["command"]
    assert (told["outcome"], told["status"], told["by_ktrace"]) == ("exited", 3, False)
    assert last_record(trace)["command"] == told
    assert (
        "COMMAND (sh -c 'echo said; exit 3'): exit status 3" in ktrace("report", str(trace)).stdout
    )


@each_command
def test_command_does_not_outlive_the_run(trace: Path, command: str) -> None:
    code, records, _ = run(trace, command, "-d", "0.5", "--", "sleep", "60")
    assert code in ENDED
    told = records[-1]["command"]
    assert (told["outcome"], told["signal"], told["by_ktrace"]) == ("signalled", 15, True)
    with pytest.raises(ProcessLookupError):
        os.kill(told["pid"], 0)


@each_command
def test_a_command_that_cannot_be_found(trace: Path, command: str) -> None:
    code, records, errors = run(trace, command, "--", "/no/such/program")
    assert (code, records) == (2, [])
    assert "cannot run /no/such/program: no such program" in errors
    assert not trace.exists()


@each_command
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_two_equal_signals_keep_the_end(trace: Path, command: str, number: int) -> None:
    arguments = [*KTRACE, command, "--json", "-o", str(trace)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["kind"] == "session"
        process.send_signal(number)
        time.sleep(0.0005)
        process.send_signal(number)
        assert json.loads(process.stdout.read().splitlines()[-1])["kind"] == "end"
        assert process.wait(30) in ENDED
    assert last_record(trace)["kind"] == "end"


@each_command
def test_in_a_pipe(trace: Path, command: str) -> None:
    done = ktrace(command, "-o", str(trace), "-d", "0.3")
    assert done.returncode in ENDED
    assert "verdict: " in (done.stderr if command == RECORD else done.stdout)
    assert "\x1b" not in done.stdout + done.stderr

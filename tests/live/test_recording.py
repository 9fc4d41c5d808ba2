"""The recording of a live run whose file cannot be opened, hangs, is full, or is large enough."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ktrace.errors import ExitCode
from ktrace.events import Event
from ktrace.replay.run import replay
from ktrace.trace import writer, writer_process
from ktrace.trace.rests import with_rests
from ktrace.views.json_lines import JsonLinesView
from tests.factories import dead, kill, walk
from tests.live.fake import FakeRun, last_record

pytestmark = pytest.mark.unit


def one_death(t: float) -> list[Event]:
    return [kill(t - 2.0), dead(t - 1.9), walk(t)]


def hang_at(monkeypatch: pytest.MonkeyPatch, path: Path, after: int = 0) -> None:
    """Every write into the file hangs, but for so many first ones."""
    really, count = os.write, [after]

    def write(fd: int, data: bytes) -> int:
        if os.readlink(f"/proc/self/fd/{fd}") == str(path):
            count[0] -= 1
            if count[0] < 0:
                Path(f"{path}.hung-{os.getpid()}").touch()
                time.sleep(3600)
        return really(fd, data)

    monkeypatch.setattr(os, "write", write)


@pytest.fixture(autouse=True)
def no_process_stays(tmp_path: Path) -> Iterator[None]:
    """Those that hang, which no signal but SIGKILL ends."""
    yield
    for mark in tmp_path.glob("*.hung-*"):
        with suppress(ProcessLookupError):
            os.kill(int(mark.name.rpartition("-")[2]), signal.SIGKILL)


def the_rest(folder: Path) -> Path:
    (found,) = folder.glob("ktrace-rest-*.ktrace")
    return found


@pytest.fixture
def spill(tmp_path: Path) -> Path:
    folder = tmp_path / "spill"
    folder.mkdir()
    return folder


def test_a_fifo_that_nobody_reads_does_not_hold_up_tracing(
    run: FakeRun, tmp_path: Path, spill: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    run.once(one_death)
    code, out, err = run(record=str(fifo), spill=str(spill), duration=0.5)
    assert '"kills":1' in out
    assert "is not open yet: nobody reads it yet" in err
    assert code == ExitCode.INCONCLUSIVE
    code, report = run.report(the_rest(spill))
    assert code == ExitCode.CLEAN, report  # nothing went elsewhere


def test_a_reader_that_comes_later_gets_everything(run: FakeRun, tmp_path: Path) -> None:
    fifo, copy = tmp_path / "fifo", tmp_path / "copy"
    os.mkfifo(fifo)
    script = f"sleep 0.6; cat {fifo} >{copy}"
    with subprocess.Popen(["sh", "-c", script]) as reader:
        run.once(one_death)
        code, _, err = run(record=str(fifo), duration=1.5)
        reader.wait()
    assert code == ExitCode.CLEAN
    assert "is open now" in err
    assert run.report(copy)[0] == ExitCode.CLEAN


@pytest.mark.parametrize("name", ["a.ktrace", "a.ktrace.gz"])
def test_the_rest_of_a_trace_whose_file_system_hangs_is_elsewhere(
    run: FakeRun, tmp_path: Path, spill: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / name
    hang_at(monkeypatch, path, after=1)
    run.once(one_death)
    begun = time.monotonic()
    code, out, err = run(record=str(path), spill=str(spill), duration=0.9)
    assert time.monotonic() - begun < 60  # it would hang
    assert code == ExitCode.INCONCLUSIVE
    rest = the_rest(spill)
    assert f"does not take the rest of the recording, which is in {rest}" in err
    for end in (json.loads(out.splitlines()[-1]), last_record(rest)):
        assert end["verdict"] == "inconclusive"
        assert f"its rest is in {rest}" in end["why"]
    assert rest.stat().st_mode & 0o777 == 0o600
    assert run.report(rest)[0] == ExitCode.INCONCLUSIVE  # alone, it has no beginning
    assert [file for file, _ in with_rests([str(path), str(rest)])] == [str(path)]
    joined = replay([str(path), str(rest)], lambda *_: JsonLinesView(), 0)
    assert joined == ExitCode.CLEAN
    assert len(list(spill.iterdir())) == 1


def test_a_second_place_that_is_none_is_told(
    run: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.ktrace"
    hang_at(monkeypatch, path)
    code, _, err = run(record=str(path), spill=str(tmp_path / "missing"), duration=0.3)
    assert code == ExitCode.INCONCLUSIVE
    assert "the rest of the recording is lost" in err
    assert "No such file or directory" in err


def test_what_waits_is_bounded_and_its_loss_is_counted(
    run: FakeRun, tmp_path: Path, spill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer.TraceWriter.__init__, "__defaults__", (20_000,))
    path = tmp_path / "a.ktrace"
    hang_at(monkeypatch, path)
    run.feed(lambda t: [kill(t) for _ in range(200)])
    code, out, _ = run(record=str(path), spill=str(spill), duration=0.5)
    assert code == ExitCode.INCONCLUSIVE
    assert '"verdict":"inconclusive"' in out
    rest = the_rest(spill)
    assert rest.stat().st_size < 150_000
    lost = [json.loads(line) for line in rest.read_text().splitlines() if '"lost","t"' in line]
    assert lost[-1]["what"] == "trace_file"
    assert lost[-1]["count"] > 100


def test_a_trace_ends_at_its_size_and_tracing_goes_on(run: FakeRun, tmp_path: Path) -> None:
    path, size = tmp_path / "a.ktrace", 100_000
    run.feed(lambda t: one_death(t) * 50)
    code, out, err = run(record=str(path), max_size=size, duration=1.5)
    assert code == ExitCode.INCONCLUSIVE
    assert "has reached --max-size and ends here; tracing goes on" in err
    end = json.loads(out.splitlines()[-1])
    assert end["why"] == "the recording ended at --max-size"
    assert size / 3 < path.stat().st_size <= size
    lines = path.read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines[-2:]] == ["event", "end"]
    assert json.loads(lines[-2])["what"] == "max_size"
    assert json.loads(lines[-1])["t"] < end["t"] - 0.5  # that is where it ends
    assert run.report(path)[0] == ExitCode.INCONCLUSIVE


@pytest.mark.parametrize("synced", [True, False])
def test_a_process_that_is_killed_is_told_and_the_rest_is_elsewhere(
    run: FakeRun, tmp_path: Path, spill: Path, monkeypatch: pytest.MonkeyPatch, synced: bool
) -> None:
    path = tmp_path / "a.ktrace"
    if not synced:
        monkeypatch.setattr(os, "fdatasync", lambda _: time.sleep(3600))
    process = writer_process.WriterProcess()
    monkeypatch.setattr(writer_process, "_early", process)

    def feed(t: float) -> list[Event]:
        if process.file_bytes or (not synced and process.state == "open" and path.stat().st_size):
            with suppress(ProcessLookupError):  # it was killed at the last read
                os.kill(process._pid, signal.SIGKILL)
        return []

    run.feed(feed)
    code, _, err = run(record=str(path), spill=str(spill), duration=1.0)
    assert code == ExitCode.INCONCLUSIVE
    assert "the process that writes it was ended" in err
    joined = replay([str(path), str(the_rest(spill))], lambda *_: JsonLinesView(), 0)
    assert joined == ExitCode.CLEAN


def test_what_could_not_be_handed_over_is_handed_over_later(
    run: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trace without its end was called whole: the pipe to the process had no memory once."""
    path, really, sent, this = tmp_path / "a.ktrace", os.write, [0], os.getpid()

    def write(fd: int, data: bytes) -> int:
        if os.getpid() == this and stat.S_ISFIFO(os.fstat(fd).st_mode):
            sent[0] += 1
            if sent[0] % 2:
                raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        return really(fd, data)

    run.once(one_death)
    monkeypatch.setattr(writer_process, "_early", writer_process.WriterProcess())
    writer_process._early.write_to(str(path), force=False, packed=False)
    monkeypatch.setattr(writer_process.WriterProcess, "write_to", lambda *_, **__: None)
    monkeypatch.setattr(os, "write", write)
    code, _, _ = run(record=str(path), duration=0.5)
    assert sent[0] > 2
    assert code == ExitCode.CLEAN
    assert last_record(path)["kind"] == "end"


def test_the_process_is_forked_before_anything_is_imported() -> None:
    """It stays small."""
    code = (
        "import sys\n"
        "sys.modules['__main__'].__file__ = 'ktrace'\n"
        "sys.argv = ['ktrace', 'oom-hang', '-o', 'x']\n"
        "import os\n"
        "fork = os.fork\n"
        "os.fork = lambda: (print(*sys.modules), fork())[1]\n"
        "import ktrace.cli\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(found.stdout.split())
    assert "ktrace.trace.writer_process" in modules
    assert not modules & {"click", "dataclasses", "ctypes", "json", "ktrace.events"}


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["oom-hang", "-o", "x"], True),
        (["oom-hang", "-ox"], True),
        (["oom-hang", "--record=x", "-d", "1"], True),
        (["record", "--output", "x"], True),
        (["oom-hang", "--", "cc", "-o", "x"], False),
        (["oom-hang"], False),
        (["lab", "run", "x", "-o", "y"], False),
        ([], False),
    ],
)
def test_it_is_forked_for_a_recording_only(arguments: list[str], wanted: bool) -> None:
    assert writer_process._records(["ktrace", *arguments]) == wanted

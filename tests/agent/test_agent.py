"""ktrace-agent on this kernel, beside ktrace itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ktrace.sources.agent.frames import MAGIC
from tests import stuck_tasks
from tests.tracer import LIMIT_S, Record, ktrace, tracer

pytestmark = pytest.mark.kernel

MOST_BYTES = 2 << 20
MOST_RSS_KIB = 4 << 10


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("agent") / "ktrace-agent"
    done = ktrace("agent", "build", "--arch", "amd64", "-o", str(path))
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def stream(agent: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A running agent, and what it writes."""
    path = tmp_path / "raw"
    process = subprocess.Popen([agent, "-o", path], stderr=subprocess.PIPE)
    try:
        stuck_tasks.wait_until("it traces", lambda: path.exists() and path.stat().st_size > 1000)
        yield process, path
    finally:
        process.kill()
        process.communicate()


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(LIMIT_S) == 0


def read(raw: Path, *arguments: str) -> list[Record]:
    done = ktrace("oom-hang", "--json", "--from", str(raw), *arguments)
    return [json.loads(line) for line in done.stdout.splitlines()]


def findings(raw: Path, tid: int) -> list[Record]:
    return [r for r in read(raw) if r["kind"] == "finding" and r["tid"] == tid]


def test_it_is_small(stream: tuple[subprocess.Popen[bytes], Path], agent: Path) -> None:
    process, _ = stream
    status = Path(f"/proc/{process.pid}/status").read_text()
    rss = int(re.findall(r"VmRSS:\s+(\d+)", status)[0])
    assert rss < MOST_RSS_KIB
    assert agent.stat().st_size < MOST_BYTES
    stop(process)


def test_the_same_findings_as_ktrace(
    stream: tuple[subprocess.Popen[bytes], Path], tmp_path: Path
) -> None:
    process, raw = stream
    with stuck_tasks.frozen_file_system() as frozen, tracer() as itself:
        writer = frozen.writer()
        writer.kill()
        by_ktrace = itself.finding("open", writer.pid)
        stuck_tasks.wait_until("the agent has seen it", lambda: findings(raw, writer.pid))
        frozen.thaw()
        resolved = itself.finding("resolved", writer.pid)
    stop(process)
    trace = tmp_path / "trace"
    records = read(raw, "-o", str(trace))
    by_agent, *_, last = findings(raw, writer.pid)
    for found in (by_agent, by_ktrace):  # each has programs of its own, and their times
        found["killed"].pop("t")
    for key in ("finding", "pid", "comm", "state", "killed", "stack", "signature"):
        assert by_agent[key] == by_ktrace[key]
    assert by_agent["wait"]["function"] == by_ktrace["wait"]["function"]
    assert last["outcome"]["exit_signal"] == resolved["outcome"]["exit_signal"]
    assert records[-1]["lost"] == 0
    assert ktrace("report", str(trace)).returncode == 1


def test_over_tcp(agent: Path) -> None:
    port = 20000 + os.getpid() % 20000
    process = subprocess.Popen([agent, "-d", "2", "-l", str(port)], stderr=subprocess.PIPE)
    listening = f"{port:04X} 00000000:0000 0A"
    tcp = Path("/proc/net/tcp")
    stuck_tasks.wait_until("it listens", lambda: listening in tcp.read_text())
    done = ktrace("oom-hang", "--json", "--from", f"tcp:127.0.0.1:{port}")
    assert process.wait(LIMIT_S) == 0
    process.communicate()
    end = json.loads(done.stdout.splitlines()[-1])
    assert (end["kind"], end["lost"]) == ("end", 0)


def test_a_terminal_is_refused(agent: Path) -> None:
    main, child = os.openpty()
    done = subprocess.run([agent], stdout=child, stderr=subprocess.PIPE, timeout=LIMIT_S)
    os.close(child)
    os.close(main)
    assert done.returncode == 1
    assert b"a terminal cannot show" in done.stderr


def test_a_full_disk_ends_it(agent: Path) -> None:
    done = subprocess.run([agent, "-o", "/dev/full"], stderr=subprocess.PIPE, timeout=LIMIT_S)
    assert done.returncode == 1
    assert b"the output takes nothing: No space left on device" in done.stderr


def test_a_reader_that_goes_away_ends_it(agent: Path) -> None:
    process = subprocess.Popen([agent], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read(4) == MAGIC
    process.stdout.close()
    assert process.wait(LIMIT_S) == 1
    assert b"the output takes nothing: Broken pipe" in process.communicate()[1]


def test_a_slow_reader_and_a_signal_lose_nothing(agent: Path, tmp_path: Path) -> None:
    """Its output is non-blocking, as ssh may leave it, and full when the signal comes."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    process = subprocess.Popen([agent], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    waits = Path(f"/proc/{process.pid}/wchan")
    stuck_tasks.wait_until("it waits for the reader", lambda: "poll" in waits.read_text())
    process.send_signal(signal.SIGTERM)
    raw = tmp_path / "raw"
    with os.fdopen(reader, "rb") as stream:
        raw.write_bytes(stream.read())
    assert process.wait(LIMIT_S) == 0, process.communicate()[1]
    process.communicate()
    assert read(raw)[-1]["lost"] == 0


@pytest.mark.parametrize("seconds", ["", "x", "0", "-1", "nan", "1e99"])
def test_a_time_that_is_none(agent: Path, seconds: str) -> None:
    done = subprocess.run([agent, "-d", seconds], capture_output=True, timeout=LIMIT_S)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"usage: ktrace-agent" in done.stderr

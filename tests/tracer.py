"""The command ktrace as a user runs it, for kernel tests."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

KTRACE = (sys.executable, "-m", "ktrace")
LIMIT_S = 120.0  # for what is broken, no expectation: the machine may be busy

Record = dict[str, Any]


class Tracer:
    """`ktrace oom-hang --json`, its records as they come."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*KTRACE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.records: list[Record] = []
        self._rest = b""
        self.wait_for(lambda record: record["kind"] == "session")

    def wait_for(self, wanted: Callable[[Record], bool]) -> Record:
        """The first record that is wanted, among those that came and those to come."""
        for record in self.records:
            if wanted(record):
                return record
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            for record in self._read(0.1):
                if wanted(record):
                    return record
        raise AssertionError(f"not in {LIMIT_S} s; came: {self.records[1:]}")

    def finding(self, status: str, tid: int) -> Record:
        return self.wait_for(lambda r: r.get("status") == status and r["tid"] == tid)

    def findings(self, tid: int) -> list[Record]:
        return [r for r in self.records if r["kind"] == "finding" and r["tid"] == tid]

    def stop(self) -> int:
        """Ctrl-C; the exit status."""
        self.process.send_signal(signal.SIGINT)
        self.wait_for(lambda record: record["kind"] == "end")
        return self.process.wait(LIMIT_S)

    def _read(self, timeout_s: float) -> list[Record]:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], timeout_s)[0]:
            return []
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        if not data:
            assert self.process.stderr is not None
            raise AssertionError(f"ktrace ended: {self.process.stderr.read().decode()}")
        *lines, self._rest = (self._rest + data).split(b"\n")
        new = [json.loads(line) for line in lines]
        self.records += new
        return new


@contextmanager
def tracer(*arguments: str) -> Iterator[Tracer]:
    """A running oom-hang; ended at the end."""
    running = Tracer("oom-hang", "--json", *arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait(LIMIT_S)
        for pipe in (running.process.stdout, running.process.stderr):
            if pipe is not None:
                pipe.close()


def ktrace(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A run of ktrace that ends by itself."""
    return subprocess.run(
        [*KTRACE, *arguments], capture_output=True, text=True, timeout=LIMIT_S, **options
    )


def undisturbed(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A run of ktrace that has no reason for doubt but its own: where somebody else on this machine
    kills meanwhile, and the exit status is not 0, it is made again, within a bound."""
    verb, *rest = arguments
    with tempfile.TemporaryDirectory(prefix="ktrace-test-") as folder:
        for number in range(_TRIES):
            trace = Path(folder, f"{number}.ktrace")
            done = ktrace(verb, "--record", str(trace), *rest, **options)
            if done.returncode == 0 or not kills(trace):
                return done
    pytest.fail(f"{_TRIES} runs had kills by others in them: {done.stdout}")


def kills(trace: Path) -> bool:
    """Does the trace tell of a kill?"""
    if not trace.exists():
        return False
    text = trace.read_text(errors="replace")
    return any(f'"event":"{event}"' in text for event in _OF_A_KILL)


_TRIES = 20
_OF_A_KILL = ("fatal_signal", "oom_kill", "task_exit", "task_dead", "task_state")

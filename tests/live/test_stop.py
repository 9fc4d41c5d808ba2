"""Signals: the first ends the run in order, also when it comes twice; a later one at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ktrace.live import stop as stopping
from ktrace.live.stop import Stop
from tests.live.fake import FakeRun, last_record

pytestmark = pytest.mark.unit

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", SIGNALS)
def test_two_equal_signals_at_once_keep_the_end(run: FakeRun, tmp_path: Path, number: int) -> None:
    trace = tmp_path / "run.ktrace"
    sent: list[int] = []

    def send_two(t: float) -> list[object]:
        if not sent:
            for _ in range(2):
                sent.append(number)
                os.kill(os.getpid(), number)
                time.sleep(0.0005)
        return []

    run.feed(send_two)  # type: ignore[arg-type]
    run(duration=20.0, record=str(trace))
    assert sent == [number, number]
    assert last_record(trace)["kind"] == "end"


def test_the_same_signal_later_ends_it_at_once() -> None:
    code = """
import os, signal, time
from ktrace.live import stop as stopping
stopping._TWICE_S = 0.0
stop = stopping.Stop()
stop.listen()
stop.at_abort(lambda: print("given back", flush=True))
os.kill(os.getpid(), signal.SIGTERM)
assert stop.now()
assert stop.why == "SIGTERM"
time.sleep(0.01)
os.kill(os.getpid(), signal.SIGTERM)
print("still here")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "given back\n")


def test_what_is_ignored_stays_ignored() -> None:
    code = """
import json, signal
from ktrace.live.stop import Stop
Stop().listen()
print(json.dumps([signal.getsignal(n) == signal.SIG_IGN for n in (1, 2, 15)]))
"""

    def ignore_only_hup() -> None:  # a job in the background of a shell has INT ignored
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=20,
        preexec_fn=ignore_only_hup,
    )
    assert json.loads(done.stdout) == [True, False, False]


def test_the_time_is_over() -> None:
    stop = Stop()
    assert not stop.now()
    assert stop.left_s(1.0) == 1.0
    stop.after(0.02)
    assert stop.left_s(1.0) <= 0.02
    time.sleep(0.03)
    assert stop.now()
    assert (stop.why, stop.left_s(1.0)) == ("the time is over", 0.0)
    assert stopping._TWICE_S < 1

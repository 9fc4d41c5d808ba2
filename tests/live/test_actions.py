"""--on-finding: one action at a time, findings that come meanwhile together, and limits."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ktrace.errors import ExitCode
from ktrace.events import Event, Task
from ktrace.live import actions as acting
from ktrace.live.actions import Actions
from tests.factories import kill, state, walk
from tests.live.fake import FakeRun

pytestmark = pytest.mark.unit

NUMBER = 40


def many(t: float) -> list[Event]:
    """So many threads are stuck."""
    tasks = [Task(100 + i, 100 + i, f"app{i}") for i in range(NUMBER)]
    return [*(kill(t - 5, task) for task in tasks), *(state(t, task) for task in tasks), walk(t)]


class Told:
    def __init__(self) -> None:
        self.notes: list[str] = []


@pytest.fixture
def told() -> Told:
    return Told()


def actions(told: Told, command: str) -> Actions:
    return Actions(command, lambda: None, told.notes.append, sys.stderr.fileno())


def until_done(running: Actions) -> None:
    end = time.monotonic() + 20
    while running._process is not None and time.monotonic() < end:
        time.sleep(0.01)
        running.poll()
    assert running._process is None


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acting, "_AT_END_S", 30.0)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


def test_forty_findings_are_a_few_actions(run: FakeRun, log: Path) -> None:
    """One for the first, one for all that came while it ran."""
    run.once(many)
    action = f'shell:n=$(wc -l); echo "$KTRACE_FINDINGS $n" >>{log}; sleep 0.3'
    code, out, _ = run(duration=1.0, on_finding=action)
    found = [json.loads(line) for line in out.splitlines()][-1]["findings"]
    assert (code, found) == (ExitCode.FOUND, NUMBER)
    given = [line.split() for line in log.read_text().splitlines()]
    assert all(told == had for told, had in given)
    assert sum(int(told) for told, _ in given) == NUMBER
    assert len(given) < NUMBER / 4  # two, where the machine has time


def test_one_at_a_time(told: Told, log: Path) -> None:
    running = actions(told, f"echo begin >>{log}; sleep 0.1; echo end >>{log}")
    for number in range(5):
        running.add(str(number))
        time.sleep(0.03)
    running.finish()
    lines = log.read_text().split()
    assert lines == ["begin", "end"] * (len(lines) // 2)
    assert len(lines) // 2 <= 5
    assert told.notes == []


def test_the_newest_finding_is_in_the_environment(told: Told, log: Path) -> None:
    gate = log.with_name("gate")
    wait = f"while [ ! -e {gate} ]; do sleep 0.01; done"
    running = actions(told, f'echo "$KTRACE_FINDING" >>{log}; cat >>{log}; {wait}')
    running.add("one")
    running.add("two")
    running.add("three")
    gate.touch()
    running.finish()
    assert log.read_text().split() == ["one", "one", "three", "two", "three"]


def test_a_finding_that_is_too_long_for_the_environment(told: Told, log: Path) -> None:
    running = actions(told, f'echo "${{KTRACE_FINDING-none}} $(wc -c)" >>{log}')
    running.add("x" * 200_000)
    until_done(running)
    assert log.read_text() == "none 200001\n"
    assert told.notes == []


def test_an_action_that_cannot_be_started_is_told_once_and_tracing_goes_on(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(acting.subprocess, "Popen", refuse)
    run.once(many)
    code, out, err = run(duration=0.3, on_finding="shell:true")
    end = json.loads(out.splitlines()[-1])
    assert (code, end["kind"], end["findings"]) == (ExitCode.FOUND, "end", NUMBER)
    assert err.count("cannot be started") == 1
    assert f"findings that no action was started for: {NUMBER}" in err


def test_one_that_fails_is_told_once(told: Told) -> None:
    running = actions(told, "exit 7")
    for number in range(3):
        running.add(str(number))
        until_done(running)
    assert told.notes == ["--on-finding: an action ended with status 7"]


def test_no_more_than_the_limit(told: Told, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acting, "_LIMIT", 3)
    running = actions(told, f"echo x >>{log}")
    for number in range(6):
        running.add(str(number))
        until_done(running)
    running.finish()
    assert len(log.read_text().split()) == 3
    assert told.notes == [
        "--on-finding: 3 actions were started, no more are",
        "findings that no action was started for: 3",
    ]


def test_one_that_takes_too_long_is_killed(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acting, "_TIMEOUT_S", 0.1)
    running = actions(told, "sleep 60 & wait")
    running.add("one")
    until_done(running)
    assert (
        told.notes
        == [
            "--on-finding: an action was killed after 0 s",
            "--on-finding: an action ended by signal 9",
        ][: len(told.notes)]
    )
    assert told.notes


def test_one_that_still_runs_at_the_end_is_told(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "_AT_END_S", 0.1)
    running = actions(told, "exec sleep 60")
    running.add("one")
    running.add("two")
    running.finish()
    process = running._process
    assert isinstance(process, subprocess.Popen)
    process.kill()
    process.wait()
    assert told.notes == [
        f"the action still runs (pid {process.pid})",
        "findings that no action was started for: 1",
    ]


def test_findings_that_wait_are_bounded(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acting, "_WAITING_BYTES", 10)
    monkeypatch.setattr(acting, "_AT_END_S", 0.0)
    running = actions(told, "exec sleep 60")
    for number in range(20):
        running.add(str(number % 10))
    running.finish()
    process = running._process
    assert process is not None
    process.kill()
    process.wait()
    assert told.notes[1] == "findings that no action was started for: 19"

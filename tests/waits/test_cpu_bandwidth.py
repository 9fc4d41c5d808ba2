"""A task that its cgroup keeps from running, on this machine's kernel."""

from __future__ import annotations

import signal
import subprocess

import pytest

from ktrace.events import TaskWait
from ktrace.sources.live.source import LiveSource
from ktrace.waits.release import release_of
from tests.stuck_tasks import Process, throttled, wait_until
from tests.waits.test_on_this_kernel import source as source

pytestmark = pytest.mark.kernel


TRIES = 20  # one that has its millisecond just when it is killed dies at once


def test_the_cgroup_that_is_throttled(source: LiveSource) -> None:
    for _ in range(TRIES):
        process: Process = subprocess.Popen(("sh", "-c", "while :; do :; done"))
        with throttled(process) as cgroup:
            process.send_signal(signal.SIGKILL)
            found = waits_until_death(source, process)
        if found:
            break
    assert found[0].wait == "cpu-bandwidth"
    assert f"cgroup /{cgroup.folder.name} has used up its cpu." in found[0].detail
    release = release_of(found[0])
    assert release.command.endswith((f"{cgroup.folder}/cpu.max", "/cpu.cfs_quota_us"))


def waits_until_death(source: LiveSource, process: Process) -> list[TaskWait]:
    """What it waits for; nothing if it is dead before anybody has looked."""
    found: list[TaskWait] = []

    def over() -> bool:
        events = source.read(0.05)
        found.extend(e for e in events if isinstance(e, TaskWait) and e.task.pid == process.pid)
        return bool(found) or process.poll() is not None

    wait_until("a look at it, or its death", over)
    return found

"""A process that listens to fanotify and dumps core, to a helper that opens what it listens to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ktrace.sources.live.source import LiveSource
from tests.stuck_tasks import Process, end, wait_until
from tests.stuck_tasks.programs import PROGRAMS, guard
from tests.waits.test_held_by_processes import source as source
from tests.waits.test_held_by_processes import waits_at_once
from tests.waits.test_on_this_kernel import holders

pytestmark = pytest.mark.kernel

PATTERN = Path("/proc/sys/kernel/core_pattern")


@contextmanager
def dump_to_a_helper_that_asks_the_dumper(folder: Path) -> Iterator[tuple[Process, int]]:
    """The process, and the helper's that opens the file. The kernel's core_pattern is put back, and
    the end of the process lets all go on."""
    watched, helper, pid = (folder / name for name in ("watched", "helper", "pid"))
    watched.touch()
    helper.write_text(f"#!/bin/sh\necho $$ >{pid}\nread line <{watched}\ncat >/dev/null\n")
    helper.chmod(0o755)
    with guard('echo "$1" >"$2"', PATTERN.read_text().strip(), str(PATTERN)):
        PATTERN.write_text(f"|{helper}")
        command = [sys.executable, str(PROGRAMS / "dump_to_helper.py"), str(watched)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            assert process.stdout
            said = process.stdout.readline()
            if said != b"ready\n":
                pytest.skip(said.decode())
            wait_until("the helper runs", lambda: pid.exists() and pid.read_text())
            yield process, int(pid.read_text())
        finally:
            end(process)


def test_the_cycle(source: LiveSource, tmp_path: Path) -> None:
    """The dump waits for room in the pipe that the helper reads, the helper for the answer."""
    with dump_to_a_helper_that_asks_the_dumper(tmp_path) as (process, helper):
        found = waits_at_once(source, process.pid, helper)
        assert found[helper].wait == "fanotify"
        assert holders(found[helper]) == [process.pid]
        assert found[process.pid].wait == "pipe"
        assert holders(found[process.pid]) == [helper]

"""Who waits for writeback, and who does it, on this machine's kernel."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ktrace.sources.live.source import LiveSource
from tests.stuck_tasks import end, file_system, status, wait_for_state
from tests.waits.test_held_by_processes import source as source
from tests.waits.test_held_by_processes import waits_at_once

pytestmark = pytest.mark.kernel

PAGE = 4096


def test_the_worker_that_writes_back(source: LiveSource) -> None:
    """It waits for a request: the device has few, which do not come back."""
    with file_system() as below:
        device = below.block_device()
        file = below.file_on(device)
        few = Path(f"/sys/block/{device.name}/queue/nr_requests")
        many = few.read_text()  # the loop device is used again, with what it has
        few.write_text("4")
        with file.open("r+b") as pages:
            for number in range(0, file.stat().st_size // PAGE, 2):
                os.pwrite(pages.fileno(), bytes(PAGE), number * PAGE)
            below.freeze()
            process = subprocess.Popen(["sync", "--file-system", file])
            try:
                wait_for_state(process.pid, "D", "wb_wait_for_completion")
                wait = waits_at_once(source, process.pid)[process.pid]
            finally:
                below.thaw()
                end(process)
                few.write_text(many)
        assert wait.wait == "writeback"
        number = device.stat().st_rdev
        assert wait.detail == f"writeback of device {os.major(number)}:{os.minor(number)}"
        (worker,) = wait.holders
        assert worker.task.comm.startswith("kworker/")
        assert worker.why == "writes back (wb_workfn)"
        assert status(worker.task.tid)["Name"].startswith("kworker/")

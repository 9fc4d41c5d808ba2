"""Who waits for writeback, and who does it, on this machine's kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ktrace.events import Task, TaskWait
from ktrace.sources.live.source import LiveSource
from ktrace.waits.release import release_of
from tests.stuck_tasks import Process, end, file_system, status, wait_for_state, wait_until
from tests.waits.test_held_by_processes import source as source

pytestmark = pytest.mark.kernel

PAGE = 4096


def waits_with_worker(source: LiveSource, tid: int) -> dict[int, TaskWait]:
    """All waits, once it is known who does what the thread waits for, and what that waits for."""
    found: dict[int, TaskWait] = {}

    def known() -> bool:
        found.update({e.task.tid: e for e in source.finish() if isinstance(e, TaskWait)})
        return tid in found and any(held.task.tid in found for held in found[tid].holders)

    wait_until(f"the worker that {tid} waits for", known)
    return found


@dataclass(frozen=True)
class Writeback:
    """sync: waits for the writeback of file, whose file system is on device; that does nothing.
    others: end when it goes on."""

    sync: Process
    device: Path
    file: Path
    others: list[Process] = field(default_factory=list)


@contextmanager
def stuck_writeback(requests: str = "") -> Iterator[Writeback]:
    """Of every other page, so that each is a request. requests: that the device may have."""
    with file_system() as below:
        device = below.block_device()
        file = below.file_on(device)
        few = Path(f"/sys/block/{device.name}/queue/nr_requests")
        many = few.read_text()  # the loop device is used again, with what it has
        few.write_text(requests or many)
        with file.open("r+b") as pages:
            os.posix_fadvise(pages.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # no large folios
            for number in range(0, file.stat().st_size // PAGE, 2):
                os.pwrite(pages.fileno(), bytes(PAGE), number * PAGE)
            below.freeze()
            process = subprocess.Popen(["sync", "--file-system", file])
            writeback = Writeback(process, device, file)
            try:
                wait_for_state(process.pid, "D", "wb_wait_for_completion")
                yield writeback
            finally:
                below.thaw()
                for each in (process, *writeback.others):
                    end(each)
                few.write_text(many)


def test_the_worker_that_writes_back(source: LiveSource) -> None:
    """It waits for a request: the device has few, which do not come back."""
    with stuck_writeback("4") as writeback:
        wait = waits_with_worker(source, writeback.sync.pid)[writeback.sync.pid]
        number = writeback.device.stat().st_rdev
    assert wait.wait == "writeback"
    assert wait.detail == f"writeback of device {os.major(number)}:{os.minor(number)}"
    (worker,) = wait.holders
    assert worker.task.comm.startswith("kworker/")
    assert worker.why == "writes back (wb_workfn)"
    assert status(worker.task.tid)["Name"].startswith("kworker/")


def test_a_worker_that_waits_until_fewer_writes_are_in_flight(source: LiveSource) -> None:
    """blk-wbt lets some writes of writeback through at a time; these do not come back."""
    with stuck_writeback() as writeback:
        name = writeback.device.name
        if not (Path("/sys/block") / name / "queue/wbt_lat_usec").exists():
            pytest.skip("this kernel does not throttle writeback")
        waits = waits_with_worker(source, writeback.sync.pid)
        (worker,) = waits[writeback.sync.pid].holders
        wait = waits[worker.task.tid]
    assert wait.wait == "writeback-throttle"
    assert wait.detail.startswith(f"fewer writes in flight to {name} on ")
    assert int(wait.detail.split()[-1]) > 0
    assert release_of(wait).command.startswith("fsfreeze -u ")


# from the last page on: those before it that are under writeback have been submitted
_WAIT = """
import ctypes, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
pages = range(os.fstat(fd).st_size // 4096)
for page in pages if sys.argv[2] == "first" else reversed(pages):
    ctypes.CDLL(None).sync_file_range(
        fd, ctypes.c_long(page * 4096), ctypes.c_long(4096), 1)  # SYNC_FILE_RANGE_WAIT_BEFORE
"""


def waits_for_page(source: LiveSource, which: str) -> tuple[TaskWait, Task]:
    """A wait for the first or the last page that is under writeback, and the worker."""
    with stuck_writeback() as writeback:
        process = subprocess.Popen([sys.executable, "-c", _WAIT, str(writeback.file), which])
        writeback.others.append(process)
        wait_for_state(process.pid, "D", "folio_wait_writeback")
        waits = waits_with_worker(source, process.pid)
        (worker,) = waits[writeback.sync.pid].holders
    wait = waits[process.pid]
    assert wait.wait == "folio"
    assert wait.detail.startswith("under writeback, of inode ")
    return wait, worker.task


def test_who_submitted_the_write_of_a_page(source: LiveSource) -> None:
    """Not the one who waits, nor the one who wrote into the page."""
    wait, worker = waits_for_page(source, "first")
    assert wait.detail.endswith(f", submitted by {worker.comm}[{worker.tid}]")
    assert "block_bio_queue" in wait.evidence


def test_a_page_whose_write_has_not_begun_is_in_the_hands_of_the_worker(
    source: LiveSource,
) -> None:
    wait, worker = waits_for_page(source, "last")
    assert "submitted by" not in wait.detail
    assert [(held.task.tid, held.why) for held in wait.holders] == [
        (worker.tid, "writes back (wb_workfn)")
    ]

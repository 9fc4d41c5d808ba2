"""Block I/O that a cgroup's limit holds back, on this machine's kernel."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ktrace.events import TaskWait
from ktrace.sources.live.source import LiveSource
from ktrace.waits.release import release_of
from tests.stuck_tasks import (
    PATIENCE_S,
    compiled,
    end,
    file_system,
    io_cost,
    io_limited,
    mapped,
    wait_for_state,
)
from tests.stuck_tasks.cgroups import LimitedIo
from tests.waits.test_held_by_processes import source as source
from tests.waits.test_held_by_processes import waits_at_once

pytestmark = pytest.mark.kernel


def assert_held_back(wait: TaskWait, kind: str, limited: LimitedIo, device: int) -> None:
    assert wait.wait == kind
    cgroup = limited.cgroup
    file = "_bps_device" if cgroup.version == 1 else "io.max"
    assert f"{file} of cgroup /{cgroup.folder.name}: {limited.limit} bytes/s of " in wait.detail
    assert "bio in a throtl_qnode" in wait.evidence
    release = release_of(wait)
    assert release.text.startswith("it ends by itself, at the rate of that limit")
    assert release.command.startswith(f"echo '{os.major(device)}:{os.minor(device)} ")
    assert str(cgroup.folder) in release.command


@pytest.mark.parametrize(("how", "kind"), [("direct", "block-io"), ("direct-large", "direct-io")])
def test_a_direct_write_to_a_device(source: LiveSource, how: str, kind: str) -> None:
    with file_system() as below:
        device = below.block_device()
        number = device.stat().st_rdev
        with io_limited(number, "write") as limited:
            process = limited.run(compiled("async_io"), how, device)
            found = waits_at_once(source, process.pid)
            assert_held_back(found[process.pid], kind, limited, number)


def test_who_is_not_limited_waits_for_a_page_that_a_limited_one_reads(source: LiveSource) -> None:
    with file_system() as below:
        file = below.folder / "to-read"
        file.write_bytes(bytes(4096))
        number = file.stat().st_dev
        forget(file)
        with io_limited(number, "read") as limited:
            reader = limited.run("cat", file)
            other = subprocess.Popen(["cat", file], stdout=subprocess.DEVNULL)
            try:
                wait_for_state(other.pid, "D")
                found = waits_at_once(source, reader.pid, other.pid)
            finally:
                other.kill()  # a wait for a page of a file is killable
                end(other)
            for process in (reader, other):
                assert_held_back(found[process.pid], "folio", limited, number)


def test_beneath_device_mapper_a_copy_is_held_back(source: LiveSource) -> None:
    with file_system() as below:
        device = below.block_device()
        number = device.stat().st_rdev
        with mapped(device) as upper, io_limited(number, "write") as limited:
            process = limited.run(compiled("async_io"), "direct", upper)
            wait = waits_at_once(source, process.pid)[process.pid]
            assert_held_back(wait, "block-io", limited, number)
            assert wait.detail.startswith(f"{upper.name}, sector ")


def test_the_turn_that_io_cost_gives(source: LiveSource) -> None:
    """And what is told to release it does."""
    with file_system() as below:
        device = below.block_device()
        number = device.stat().st_rdev
        with io_cost(number) as limited:
            process = limited.run(compiled("async_io"), "direct-large", device)
            wait = waits_at_once(source, process.pid)[process.pid]
            assert wait.wait == "io-cost"
            cgroup = limited.cgroup.folder.name
            assert wait.detail.startswith(f"the share of {device.name} on ")
            assert wait.detail.endswith(f" that io.cost gives to cgroup /{cgroup}")
            subprocess.run(release_of(wait).command, shell=True, check=True)
            assert process.wait(PATIENCE_S) == 0


def forget(file: Path) -> None:
    """Its pages are clean, and in no cache."""
    fd = os.open(file, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)

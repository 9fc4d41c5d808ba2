"""Which request a bio is part of, in memory made of bytes."""

from __future__ import annotations

import struct
import time

import pytest

from ktrace.events import Task
from ktrace.probes.bio_submitters import BioMembers
from ktrace.waits.bio_progress import WANTS, progress_on_disk
from ktrace.waits.bios import Wanted
from ktrace.waits.block_devices import BlockDevice
from ktrace.waits.block_requests import Request
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit

TABLE, ARRAY = "request_queue.hctx_table.xa_head", "request_queue.queue_hw_ctx"
OFFSETS: dict[str, int | None] = {
    **dict.fromkeys(WANTS),
    "gendisk.queue": 0,
    "request_queue.nr_hw_queues": 0,
    "blk_mq_hw_ctx.tags": 0,
    "blk_mq_hw_ctx.sched_tags": 8,
    "blk_mq_tags.nr_tags": 0,
    "blk_mq_tags.rqs": 8,
    "blk_mq_tags.static_rqs": 16,
    "request.q": 0,
    "request.bio": 8,
    "request.state": 16,
    "request.ref": 20,
    "request.start_time_ns": 24,
    "bio.bi_next": 0,
    "bio.bi_iter.bi_sector": 8,
    "bio.bi_end_io": 16,
    "bio.bi_private": 24,
}
IDLE, IN_FLIGHT, COMPLETE = range(3)
QUEUES = {"a table": {TABLE: 8}, "an array": {ARRAY: 8}}
NOBODY = 0xFFFF888000000040


class Disk:
    """A disk with one hardware queue of two tags, and a scheduler with as many."""

    def __init__(self, queues: str = "a table") -> None:
        heap = self.heap = Heap(OFFSETS | QUEUES[queues])
        self.address, self.queue, hardware = (heap.new(64) for _ in range(3))
        heap.put(self.address, self.queue)
        heap.put(self.queue, 1)
        table = hardware
        if queues == "an array":
            table = heap.new(8)
            heap.put(table, hardware)
        heap.put(self.queue + 8, table)
        self.driver, self.scheduler = (self._tags(hardware, at, of) for at, of in ((0, 8), (8, 16)))

    def _tags(self, hardware: int, at: int, array_at: int) -> int:
        """The array."""
        tags, array = self.heap.new(64), self.heap.new(64)
        self.heap.put(hardware + at, tags)
        self.heap.put(tags, 2)
        self.heap.put(tags + array_at, array)
        return array

    def request(self, at: int, state: int, refs: int = 1, queue: int = 0) -> int:
        """Its second bio."""
        heap = self.heap
        request, first, second = heap.new(64), heap.new(64), heap.new(64)
        heap.put(request, queue or self.queue)
        heap.put(request + 8, first)
        heap.put(first, second)
        heap.put(request + 16, refs << 32 | state)
        heap.put(request + 24, time.monotonic_ns() - 25 * 10**9)
        heap.put(at, request)
        return second

    def told(self, bio: int) -> str:
        wanted = Wanted(bio=bio)
        return progress_on_disk(self.heap.kernel, self.address, BlockDevice("sda"), wanted).text


@pytest.mark.parametrize("queues", QUEUES)
def test_a_request_that_the_driver_has(queues: str) -> None:
    disk = Disk(queues)
    bio = disk.request(disk.driver + 8, IN_FLIGHT)
    assert disk.told(bio) == ", in the driver for 20 s or more"
    assert disk.told(NOBODY) == ""


def test_who_submitted_it() -> None:
    disk = Disk()
    bio = disk.request(disk.driver, IN_FLIGHT)
    disk.heap.write(bio + 8, struct.pack("=3Q", 2048, 2, 3))
    known = {(bio, BioMembers(2048, 2, 3)): Task(7, 8, "reader")}
    disk.heap.kernel.submitted = lambda *asked: known.get(asked)
    assert disk.told(bio) == ", in the driver for 20 s or more, submitted by reader[8]"
    disk.heap.put(bio + 8, 2056)
    assert disk.told(bio) == ", in the driver for 20 s or more"


def test_one_that_the_scheduler_has() -> None:
    disk = Disk()
    bio = disk.request(disk.scheduler, IDLE)
    assert disk.told(bio) == ", in the I/O scheduler for 20 s or more"


def test_what_is_left_of_former_times_is_none() -> None:
    disk = Disk()
    others = [
        disk.request(disk.driver, COMPLETE),
        disk.request(disk.driver + 8, IN_FLIGHT, queue=NOBODY),
        disk.request(disk.scheduler, IDLE, refs=0),
    ]
    assert [disk.told(bio) for bio in others] == ["", "", ""]


def test_a_disk_without_requests() -> None:
    """device-mapper's has bios alone."""
    disk = Disk()
    bio = disk.request(disk.driver, IN_FLIGHT)
    disk.heap.put(disk.queue, 0)
    assert disk.told(bio) == ""


def test_how_old_it_is() -> None:
    now = time.monotonic_ns()
    assert Request(True, 0).text == "in the driver, since when is not known"
    assert Request(True, now - 10**9).text == "in the driver for less than 10 s"
    assert Request(False, now - 11 * 10**9).text == "in the I/O scheduler for 10 s or more"

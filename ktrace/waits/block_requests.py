"""Requests of a disk that have not completed, and their bios: include/linux/blk-mq.h.

A request that the driver has is in the array of its hardware queue's tags (blk_mq_tags.rqs); one
that waits in the I/O scheduler is among those that the scheduler has tags for (static_rqs).
"""

import time
from collections.abc import Iterator

from ktrace.record import record
from ktrace.waits.bios import chain
from ktrace.waits.kernel import Kernel
from ktrace.waits.xarray import WANTS as XARRAY_WANTS
from ktrace.waits.xarray import entries

_NEEDED = (
    "gendisk.queue",
    "request_queue.nr_hw_queues",
    "blk_mq_hw_ctx.tags",
    "blk_mq_hw_ctx.sched_tags",
    "blk_mq_tags.nr_tags",
    "blk_mq_tags.rqs",
    "blk_mq_tags.static_rqs",
    "request.q",
    "request.bio",
    "request.state",
    "request.ref",
    "request.start_time_ns",
)
_TABLE, _ARRAY = "request_queue.hctx_table.xa_head", "request_queue.queue_hw_ctx"  # one of them
WANTS = (*XARRAY_WANTS, *_NEEDED, _TABLE, _ARRAY)
_IN_FLIGHT = 1  # MQ_RQ_IN_FLIGHT
_MOST_QUEUES, _MOST_TAGS, _MOST_BIOS = 64, 2048, 1000
_STEP_S = 10  # in which ages are told: one that changes all the time would be news at every look


@record
class Request:
    """start_ns: when it was made, CLOCK_MONOTONIC; 0: not known."""

    in_driver: bool
    start_ns: int

    @property
    def text(self) -> str:
        """ "in the driver for 10 s or more"."""
        where = "in the driver" if self.in_driver else "in the I/O scheduler"
        age = (time.monotonic_ns() - self.start_ns) // 10**9 if self.start_ns else -1
        if age < 0:
            return f"{where}, since when is not known"
        steps = age // _STEP_S * _STEP_S
        return f"{where} for {steps} s or more" if steps else f"{where} for less than {_STEP_S} s"


def requested_bios(kernel: Kernel, disk: int) -> Iterator[tuple[int, Request]]:
    """Each bio of the disk's requests, with its request."""
    if not kernel.layout.has(*_NEEDED):
        return
    queue = kernel.member(disk, "gendisk.queue") or 0
    for hardware_queue in _hardware_queues(kernel, queue):
        for tags, array, in_driver in (
            ("blk_mq_hw_ctx.tags", "blk_mq_tags.rqs", True),
            ("blk_mq_hw_ctx.sched_tags", "blk_mq_tags.static_rqs", False),
        ):
            for request in _requests(kernel, kernel.member(hardware_queue, tags), array):
                if _is_of(kernel, request, queue, in_driver):
                    start = kernel.wide_member(request, "request.start_time_ns") or 0
                    found = Request(in_driver, start)
                    first = kernel.member(request, "request.bio")
                    yield from ((bio, found) for bio in chain(kernel, first, _MOST_BIOS))


def _hardware_queues(kernel: Kernel, queue: int) -> list[int]:
    count = kernel.number(queue, "request_queue.nr_hw_queues") or 0
    if not 0 < count <= _MOST_QUEUES:
        return []  # a device without requests, such as device-mapper's
    if kernel.layout.has(_TABLE):
        return [*entries(kernel, kernel.member(queue, _TABLE) or 0)][:count]
    array = kernel.member(queue, _ARRAY) if kernel.layout.has(_ARRAY) else None
    return (
        [
            queue
            for _, queue in kernel.members([array + kernel.width.word * n for n in range(count)], 0)
        ]
        if (array)
        else []
    )


def _requests(kernel: Kernel, tags: int | None, array: str) -> list[int]:
    """Of the array, what is there; it may be of former times."""
    at = kernel.member(tags, array) if tags else None
    count = kernel.number(tags, "blk_mq_tags.nr_tags") if tags else None
    if not at or not count:
        return []
    slots = [at + kernel.width.word * tag for tag in range(min(count, _MOST_TAGS))]
    words = kernel.members(slots, 0)
    return [request for _, request in words if request]


def _is_of(kernel: Kernel, request: int, queue: int, in_driver: bool) -> bool:
    """Is it a request of that queue which has not completed? Tags are shared by the disks of one
    adapter."""
    if kernel.member(request, "request.q") != queue or not kernel.number(request, "request.ref"):
        return False
    return (kernel.number(request, "request.state") == _IN_FLIGHT) == in_driver

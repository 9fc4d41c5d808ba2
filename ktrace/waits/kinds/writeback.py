"""Writeback that somebody else does: wb_wait_for_completion() of fs/fs-writeback.c, in sync() say.

Workers of the device write back (wb_workfn), a work item for each cgroup that has dirtied pages.
"""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS as QUEUE_WANTS
from ktrace.waits.wait_queue import queue_of
from ktrace.waits.writeback_workers import WANTS as WORKER_WANTS
from ktrace.waits.writeback_workers import writeback_workers

_FUNCTION = "wb_wait_for_completion"
_NAME = 64


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if not sleeper.is_in(_FUNCTION):
        return None
    queue = queue_of(sleeper, kernel)
    if queue is None:
        return None
    layout = kernel.layout
    device = queue.head - layout["wait_queue_head.head"] - layout["backing_dev_info.wb_waitq"]
    name = kernel.text(device + layout["backing_dev_info.dev_name"], _NAME)
    return Found(
        "writeback",
        device,
        f"writeback of device {name}",
        ("backing_dev_info.wb_waitq",),
        writeback_workers(kernel, device),
        queue.waiters,
    )


KIND = Kind(
    "writeback",
    (
        *QUEUE_WANTS,
        *WORKER_WANTS,
        "backing_dev_info.wb_waitq",
        "backing_dev_info.dev_name",
    ),
    _read,
    tells="the device (`MAJOR:MINOR`, or the file system's own name of it)",
    holder="the workers that write back now",
    released="the worker",
    seen="6.1, 6.18",
)

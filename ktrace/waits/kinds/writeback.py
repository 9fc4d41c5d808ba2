"""Writeback that somebody else does: wb_wait_for_completion() of fs/fs-writeback.c, in sync() say.

Workers of the device write back (wb_workfn), a work item for each cgroup that has dirtied pages.
"""

from collections.abc import Iterator

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.lists import members
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS as QUEUE_WANTS
from ktrace.waits.wait_queue import queue_of
from ktrace.waits.workqueues import WANTS as WORK_WANTS
from ktrace.waits.workqueues import busy_workers, pool_workqueues

_FUNCTION = "wb_wait_for_completion"
_WORK = "wb_workfn"
_NAME = 64
_MOST_WRITERS, _MOST_QUEUES = 256, 256


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
        tuple((task, f"writes back ({_WORK})") for task in _writers(kernel, device)),
        queue.waiters,
    )


def _writers(kernel: Kernel, device: int) -> Iterator[KernelTask]:
    """Those that do it now: an item that waits for a worker has none."""
    layout = kernel.layout
    nodes, _ = members(kernel, device + layout["backing_dev_info.wb_list"], _MOST_WRITERS)
    items = {}
    for node in nodes:
        writeback = node - layout["bdi_writeback.bdi_node"]
        items[writeback + layout["bdi_writeback.dwork.work"]] = kernel.member(
            writeback, "bdi_writeback.dwork.wq"
        )
    for workqueue in {*items.values()}:
        queues = [*pool_workqueues(kernel, workqueue)][:_MOST_QUEUES] if workqueue else []
        workers = (worker for queue in queues for worker in busy_workers(kernel, queue))
        found = {worker.task.tid: worker.task for worker in workers if worker.work in items}
        yield from found.values()


KIND = Kind(
    "writeback",
    (
        *QUEUE_WANTS,
        *WORK_WANTS,
        "backing_dev_info.wb_waitq",
        "backing_dev_info.wb_list",
        "backing_dev_info.dev_name",
        "bdi_writeback.bdi_node",
        "bdi_writeback.dwork.work",
        "bdi_writeback.dwork.wq",
    ),
    _read,
    tells="the device (`MAJOR:MINOR`, or the file system's own name of it)",
    holder="the workers that write back now",
    released="the worker",
    seen="6.18",
)

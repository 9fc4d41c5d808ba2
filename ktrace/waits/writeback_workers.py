"""The workers that write back pages of a device: wb_workfn() of fs/fs-writeback.c."""

from collections.abc import Iterator

from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.lists import members
from ktrace.waits.workqueues import WANTS as WORK_WANTS
from ktrace.waits.workqueues import busy_workers, pool_workqueues

WANTS = (
    *WORK_WANTS,
    "backing_dev_info.wb_list",
    "bdi_writeback.bdi_node",
    "bdi_writeback.dwork.work",
    "bdi_writeback.dwork.wq",
)
_WHY = "writes back (wb_workfn)"
_MOST_WRITERS, _MOST_QUEUES = 256, 256


def writeback_workers(kernel: Kernel, device: int) -> tuple[tuple[KernelTask, str], ...]:
    """Those that do it now, and why: an item that waits for a worker has none. device: a
    backing_dev_info."""
    return tuple((task, _WHY) for task in _workers(kernel, device))


def _workers(kernel: Kernel, device: int) -> Iterator[KernelTask]:
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

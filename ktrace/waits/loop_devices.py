"""Who does the I/O of a loop device: workers that read and write the file behind it.

drivers/block/loop.c
"""

from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.workqueues import WANTS as WORK_WANTS
from ktrace.waits.workqueues import busy_workers, pool_workqueues

# a workqueue since v5.14; a thread until then
_WORKQUEUE, _THREAD = "loop_device.workqueue", "loop_device.worker_task"
_DISK = ("block_device.bd_disk", "gendisk.private_data", "loop_device.lo_disk")
WANTS = (*WORK_WANTS, *_DISK, _WORKQUEUE, _THREAD)
_MOST_QUEUES = 64
_WHY = "does the I/O of the loop device"

Servers = tuple[tuple[KernelTask, str], ...]


def servers(kernel: Kernel, block_device: int) -> Servers:
    """Those that do some now, and why; none where it is no loop device, or nobody does."""
    if not block_device or not kernel.layout.has(*_DISK):
        return ()
    disk = kernel.member(block_device, "block_device.bd_disk")
    loop = kernel.member(disk, "gendisk.private_data") if disk else None
    if not loop or kernel.member(loop, "loop_device.lo_disk") != disk:
        return ()
    if kernel.layout.has(_WORKQUEUE):
        return _workers(kernel, kernel.member(loop, _WORKQUEUE) or 0)
    thread = kernel.member(loop, _THREAD) if kernel.layout.has(_THREAD) else None
    task = kernel.task(thread) if thread else None
    return ((task, _WHY),) if task else ()


def _workers(kernel: Kernel, workqueue: int) -> Servers:
    queues = [*pool_workqueues(kernel, workqueue)][:_MOST_QUEUES] if workqueue else []
    return tuple(
        (worker.task, _WHY)
        for queue in queues
        for worker in busy_workers(kernel, queue)
        if worker.queue == queue
    )

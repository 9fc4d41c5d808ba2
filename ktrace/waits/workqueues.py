"""Work items, and the workers that run them: kernel/workqueue.c, kernel/workqueue_internal.h."""

from collections.abc import Iterator

from ktrace.record import record
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.lists import members

WANTS = (
    "work_struct.data",
    "work_struct.entry",
    "work_struct.func",
    "worker.task",
    "worker.node",
    "worker.scheduled",
    "worker.current_work",
    "worker.current_func",
    "worker.current_pwq",
    "worker_pool.workers",
    "pool_workqueue.pool",
    "pool_workqueue.wq",
    "pool_workqueue.pwqs_node",
    "workqueue_struct.name",
    "workqueue_struct.pwqs",
)
_IS_QUEUED = 4  # WORK_STRUCT_PWQ of include/linux/workqueue.h: data is a pool_workqueue then
_FLAG_BITS = (8, 9)  # beneath the pointer; 9 with CONFIG_DEBUG_OBJECTS_WORK
_MOST = 1000  # nodes of a list


@record
class Worker:
    """A worker that runs an item."""

    task: KernelTask
    work: int  # address of the item
    function: str
    queue: int  # the pool_workqueue
    scheduled: int  # head of the list of what it runs next


def queue_of_work(kernel: Kernel, work: int) -> int | None:
    """The pool_workqueue that a queued item is in."""
    data = kernel.member(work, "work_struct.data") or 0
    if not data & _IS_QUEUED:
        return None
    addresses = (data >> bits << bits for bits in _FLAG_BITS)
    return next((address for address in addresses if workqueue_name(kernel, address)), None)


def workqueue_name(kernel: Kernel, queue: int) -> str:
    """Of the workqueue of a pool_workqueue; empty where there is none."""
    workqueue = kernel.member(queue, "pool_workqueue.wq")
    return name_of(kernel, workqueue) if workqueue else ""


def name_of(kernel: Kernel, workqueue: int) -> str:
    name = kernel.text(workqueue + kernel.layout["workqueue_struct.name"], 32)
    return name if name.isprintable() else ""


def pool_workqueues(kernel: Kernel, workqueue: int) -> Iterator[int]:
    head = workqueue + kernel.layout["workqueue_struct.pwqs"]
    for node in members(kernel, head, _MOST)[0]:
        yield node - kernel.layout["pool_workqueue.pwqs_node"]


def busy_workers(kernel: Kernel, queue: int) -> list[Worker]:
    """Those of its pool that run something, for this workqueue or another."""
    pool = kernel.member(queue, "pool_workqueue.pool")
    if not pool:
        return []
    head = pool + kernel.layout["worker_pool.workers"]
    found = (
        _worker(kernel, node - kernel.layout["worker.node"])
        for node in members(kernel, head, _MOST)[0]
    )
    return [worker for worker in found if worker]


def _worker(kernel: Kernel, address: int) -> Worker | None:
    work = kernel.member(address, "worker.current_work")
    task = kernel.member(address, "worker.task") if work else None
    found = kernel.task(task) if task else None
    if not work or not found:
        return None
    return Worker(
        found,
        work,
        kernel.symbol(kernel.member(address, "worker.current_func") or 0),
        kernel.member(address, "worker.current_pwq") or 0,
        address + kernel.layout["worker.scheduled"],
    )

"""A work item, or all of a workqueue: flush_work(), flush_workqueue(), kernel/workqueue.c."""

from ktrace.waits.completions import WANTS as COMPLETION_WANTS
from ktrace.waits.completions import completion_of
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.lists import members
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.workqueues import (
    WANTS,
    Worker,
    busy_workers,
    name_of,
    pool_workqueues,
    queue_of_work,
    workqueue_name,
)

_MOST_ITEMS = 1000
_MOST_QUEUES = 256  # one for each CPU, or NUMA node


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    completion = completion_of(sleeper, kernel)
    if completion is None:
        return None
    return _item(completion, sleeper, kernel) or _workqueue(completion, sleeper, kernel)


def _item(completion: int, sleeper: Sleeper, kernel: Kernel) -> Found | None:
    """The completion lies in a wq_barrier, an item that is queued behind what is waited for."""
    barrier = completion - kernel.layout["wq_barrier.done"]
    if not sleeper.has(barrier) or (
        kernel.member(barrier, "wq_barrier.task") != sleeper.address  # informational, says the code
    ):
        return None
    work = barrier + kernel.layout["wq_barrier.work"]
    queue = queue_of_work(kernel, work)
    if queue is None:
        return None
    entry = work + kernel.layout["work_struct.entry"]
    workers, ring = busy_workers(kernel, queue), {*members(kernel, entry, _MOST_ITEMS)[0]}
    name = workqueue_name(kernel, queue)
    runs = next((worker for worker in workers if worker.scheduled in ring), None)
    if runs:
        detail = f"{runs.function} of workqueue {name}"
        holders = ((runs.task, f"runs the work item {runs.function}"),)
        return Found("work", runs.work, detail, (*_EVIDENCE, "worker.scheduled"), holders)
    item = _before(barrier, entry, kernel)
    function = kernel.symbol(kernel.member(item, "work_struct.func") or 0) if item else ""
    return Found(
        "work",
        item,
        f"{function or 'an item'} of workqueue {name}, which has not begun",
        (*_EVIDENCE, "worker.current_pwq"),
        _running([worker for worker in workers if worker.queue == queue]),
    )


_EVIDENCE = ("wq_barrier on its stack",)


def _before(barrier: int, entry: int, kernel: Kernel) -> int:
    """The item that the barrier is queued behind, before which there may be other barriers."""
    at = kernel.layout["work_struct.entry"]
    own = kernel.member(barrier + kernel.layout["wq_barrier.work"], "work_struct.func")
    node = entry
    for _ in range(_MOST_ITEMS):
        node = kernel.member(node, "list_head.prev") or 0
        if not node or node == entry:
            return 0
        if kernel.member(node - at, "work_struct.func") != own:
            return node - at
    return 0


def _running(workers: list[Worker]) -> tuple[tuple[KernelTask, str], ...]:
    return tuple(
        (worker.task, f"runs the work item {worker.function} of the same workqueue")
        for worker in workers
    )


def _workqueue(completion: int, sleeper: Sleeper, kernel: Kernel) -> Found | None:
    """The completion lies in a wq_flusher, which the workqueue points to."""
    flusher = completion - kernel.layout["wq_flusher.done"]
    if not sleeper.has(flusher):
        return None
    words = kernel.members(sleeper.elsewhere(), kernel.layout["workqueue_struct.first_flusher"])
    workqueue = next((word for word, first in words if first == flusher), 0)
    if not workqueue:
        return None
    workers: list[Worker] = []
    for number, queue in enumerate(pool_workqueues(kernel, workqueue)):
        if number < _MOST_QUEUES:
            workers += [w for w in busy_workers(kernel, queue) if w.queue == queue]
    return Found(
        "work",
        workqueue,
        f"all items of workqueue {name_of(kernel, workqueue)}",
        ("wq_flusher on its stack", "workqueue_struct.first_flusher"),
        _running(workers),
    )


KIND = Kind(
    "work",
    (
        *COMPLETION_WANTS,
        *WANTS,
        "wq_barrier.done",
        "wq_barrier.task",
        "wq_barrier.work",
        "wq_flusher.done",
        "workqueue_struct.first_flusher",
    ),
    _read,
    tells="the item's function, the workqueue",
    holder="the worker that runs it; of one that has not begun, those of the same workqueue",
    released="the worker",
    seen="5.10, 6.1, 6.12, 7.2",
)

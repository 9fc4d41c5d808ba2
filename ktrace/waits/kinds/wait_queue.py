"""Any other wait queue: wait_event(), kernel/sched/wait.c. It does not keep who wakes."""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_of


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    queue = queue_of(sleeper, kernel)
    if queue is None:
        return None
    head = queue.head - kernel.layout["wait_queue_head.head"]
    return Found(
        "wait-queue",
        head,
        kernel.data_symbol(head),
        ("wait_queue_entry on its stack",),
        waiters=queue.waiters,
    )


KIND = Kind(
    "wait-queue",
    WANTS,
    _read,
    tells="its symbol, where it is static; how many wait in it",
    released="whoever wakes it",
    seen="5.10, 6.1, 6.12, 7.2",
)

"""A wait_queue_entry on a sleeper's stack: include/linux/wait.h."""

from ktrace.record import record
from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_list import WaitList, follow, linked

WANTS = (
    "wait_queue_entry.private",
    "wait_queue_entry.func",
    "wait_queue_entry.entry",
    "wait_queue_head.head",
)


@record
class QueueEntry:
    """Its wake function says what kind of wait it is."""

    address: int
    function: str
    node: int


def queue_entry(sleeper: Sleeper, kernel: Kernel, function: str = "") -> QueueEntry | None:
    """The innermost entry that names the sleeper and is in a list; with that wake function."""
    layout = kernel.layout
    for hit in sleeper.holding(sleeper.address):
        base = hit - layout["wait_queue_entry.private"]
        called = sleeper.word(base + layout["wait_queue_entry.func"])
        name = kernel.symbol(called) if called else ""
        node = base + layout["wait_queue_entry.entry"]
        if name and name == (function or name) and sleeper.has(node) and linked(kernel, node):
            return QueueEntry(base, name, node)
    return None


def queue_of(sleeper: Sleeper, kernel: Kernel, function: str = "") -> WaitList | None:
    """All that wait in the queue of that entry; its head is wait_queue_head.head. None where there
    is no entry, or no head."""
    entry = queue_entry(sleeper, kernel, function)
    if entry is None:
        return None
    layout = kernel.layout
    offset = layout["wait_queue_entry.private"] - layout["wait_queue_entry.entry"]
    queue = follow(kernel, entry.node, offset)
    return queue if queue is not None and queue.head else None

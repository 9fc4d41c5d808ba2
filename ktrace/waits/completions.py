"""A completion, or another simple wait queue, on a sleeper's stack.

kernel/sched/completion.c, kernel/sched/swait.c
"""

from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_list import follow, linked

WANTS = ("swait_queue.task", "swait_queue.task_list", "completion.wait.task_list")


def completion_of(sleeper: Sleeper, kernel: Kernel) -> int | None:
    """The completion that it waits for. Its queue is a simple wait queue since v5.7,
    a5c6234e1028 ("completion: Use simple wait queues")."""
    queue = simple_queue_of(sleeper, kernel)
    return queue - kernel.layout["completion.wait.task_list"] if queue else None


def simple_queue_of(sleeper: Sleeper, kernel: Kernel) -> int | None:
    """The list's head in the swait_queue_head that it sleeps in."""
    layout = kernel.layout
    node_offset = layout["swait_queue.task_list"]
    task_offset = layout["swait_queue.task"]
    for hit in sleeper.holding(sleeper.address):
        node = hit - task_offset + node_offset
        if sleeper.has(node) and linked(kernel, node):
            found = follow(kernel, node, task_offset - node_offset)
            if found and found.head:
                return found.head
    return None

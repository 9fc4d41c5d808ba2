"""Lists of waiters: a node proved by its neighbours, and the way from it to the list's head."""

from dataclasses import dataclass

from ktrace.waits.kernel import Kernel

_LONGEST = 10_000  # waiters; a longer list is not walked to its end


@dataclass(frozen=True, slots=True)
class WaitList:
    """Who is in a list: addresses of the nodes and of the task_structs that they name."""

    head: int  # where it hangs; 0: the waiters are a ring without a head
    nodes: tuple[int, ...]
    waiters: tuple[int, ...]


def linked(kernel: Kernel, node: int) -> bool:
    """node->next->prev == node && node->prev->next == node"""
    forward, back = _links(kernel, node)
    if not forward or not back:
        return False
    return _links(kernel, forward)[1] == node and _links(kernel, back)[0] == node


def follow(kernel: Kernel, node: int, task_offset: int) -> WaitList | None:
    """The list of a proved node. task_offset: from a node to the pointer to its task.

    The head is the one member that does not lie on the stack of a task that it names. None where
    more than one does not: the list changed while it was read.
    """
    head = 0
    nodes, waiters = [], []
    at: int | None = node
    for _ in range(_LONGEST):
        if not at:
            return None
        task = _waiter(kernel, at, task_offset)
        if task:
            nodes.append(at)
            waiters.append(task)
        elif head:
            return None
        else:
            head = at
        at = _links(kernel, at)[0]
        if at == node:
            return WaitList(head, tuple(nodes), tuple(waiters))
    return None


def _waiter(kernel: Kernel, node: int, task_offset: int) -> int | None:
    named = kernel.pointer(node + task_offset)
    task = kernel.task(named) if named else None
    return task.address if task and task.has_on_stack(node) else None


def _links(kernel: Kernel, node: int) -> tuple[int | None, int | None]:
    """next, prev"""
    layout = kernel.layout
    forward = kernel.pointer(node + layout["list_head.next"])
    return forward, kernel.pointer(node + layout["list_head.prev"])

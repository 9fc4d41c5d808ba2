"""Lists of waiters: a node proved by its neighbours, and the way from it to the list's head."""

from ktrace.record import record
from ktrace.waits.kernel import Kernel

_LONGEST = 10_000  # waiters; a longer list is not walked to its end


@record
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
    read = _Reader(kernel, task_offset)
    at = node
    for _ in range(_LONGEST):
        found = read.node(at)
        if found is None:
            return None
        forward, named = found
        task = kernel.task(named) if named else None
        if task and task.has_on_stack(at):
            nodes.append(at)
            waiters.append(task.address)
        elif head:
            return None
        else:
            head = at
        at = forward
        if at == node:
            return WaitList(head, tuple(nodes), tuple(waiters))
    return None


class _Reader:
    """Reads a node's link and its task at once: one visit of the kernel for each of thousands."""

    def __init__(self, kernel: Kernel, task_offset: int) -> None:
        self._memory = kernel.memory
        forward = kernel.layout["list_head.next"]
        self._start = min(forward, task_offset)
        self._forward, self._task = forward - self._start, task_offset - self._start
        self._word = kernel.width.word
        self._size = max(self._forward, self._task) + self._word

    def node(self, address: int) -> tuple[int, int] | None:
        """next, and the word where it would name a task, 0 where there is none: a head may be the
        last thing in readable memory. None where it has no next."""
        data = self._memory.read(address + self._start, self._size)
        if data is None:
            link = _word(self._memory.read(address + self._start + self._forward, self._word))
            return None if link is None else (link, 0)
        forward, task = (
            int.from_bytes(data[at : at + self._word], "little")
            for at in (self._forward, self._task)
        )
        return forward, task


def _links(kernel: Kernel, node: int) -> tuple[int | None, int | None]:
    """next, prev"""
    layout = kernel.layout
    ends = (layout["list_head.next"], layout["list_head.prev"])
    forward, back = kernel.memory.read_all([(node + end, kernel.width.word) for end in ends])
    return _word(forward), _word(back)


def _word(data: bytes | None) -> int | None:
    return int.from_bytes(data, "little") if data else None

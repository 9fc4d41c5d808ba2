"""What mutex, rw_semaphore and semaphore have in common: a waiter on the stack, in a list."""

from dataclasses import dataclass

from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_list import WaitList, follow, linked

_OWNER_FLAGS = 7  # of mutex.owner and rw_semaphore.owner: the low bits of a task_struct are 0


@dataclass(frozen=True, slots=True)
class LockType:
    """struct `lock`, and struct `waiter` by which a task waits for it."""

    lock: str
    waiter: str

    @property
    def wants(self) -> tuple[str, ...]:
        return (
            f"{self.waiter}.task",
            f"{self.waiter}.list",
            f"{self.lock}.wait_list",
            f"{self.lock}.first_waiter",
        )


@dataclass(frozen=True, slots=True)
class WaitedFor:
    """The lock, and the task_structs of those that wait for it."""

    address: int
    waiters: tuple[int, ...]


def waited_for(sleeper: Sleeper, kernel: Kernel, kind: LockType) -> WaitedFor | None:
    """The lock whose waiter lies on the stack."""
    task_offset = kernel.layout[f"{kind.waiter}.task"]
    node_offset = kernel.layout[f"{kind.waiter}.list"]
    for hit in sleeper.holding(sleeper.address):
        node = hit - task_offset + node_offset
        if not sleeper.has(node) or not linked(kernel, node):
            continue
        found = follow(kernel, node, task_offset - node_offset)
        lock = _lock_of(found, node_offset, sleeper, kernel, kind.lock) if found else 0
        if found and lock:
            return WaitedFor(lock, found.waiters)
    return None


def _lock_of(found: WaitList, node_offset: int, sleeper: Sleeper, kernel: Kernel, lock: str) -> int:
    """By the list's head; where the waiters are a ring without one, which the lock points into
    (first_waiter), by the stack: the lock's address is in a register that its callees saved.
    0 where it is not found."""
    head = kernel.layout.get(f"{lock}.wait_list")
    if head is not None:
        return found.head - head if found.head else 0
    first = kernel.layout[f"{lock}.first_waiter"]
    waiters = {node - node_offset for node in found.nodes}
    words = sorted({word for word in sleeper.words() if word >> 47 and not word % 8})
    answers = kernel.memory.read_all([(word + first, 8) for word in words])
    for word, data in zip(words, answers, strict=True):
        if data and int.from_bytes(data, "little") in waiters and not sleeper.has(word):
            return word
    return 0


def owner_of(word: int | None) -> int:
    """The task_struct in an owner word; 0: nobody."""
    return (word or 0) & ~_OWNER_FLAGS

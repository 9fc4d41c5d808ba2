"""What mutex, rw_semaphore and semaphore have in common: a waiter on the stack, in a list."""

from ktrace.record import record
from ktrace.waits.blockers import WANTS as BLOCKER_WANTS
from ktrace.waits.blockers import blockers
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_list import WaitList, follow, linked

_OWNER_FLAGS = 7  # of mutex.owner and rw_semaphore.owner: the low bits of a task_struct are 0


@record
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
            *BLOCKER_WANTS,
        )


@record
class WaitedFor:
    """The lock, and the task_structs of those that wait for it. in_doubt: the kernel itself names
    another one, so that it has changed hands while it was read, or one of the two is old."""

    address: int
    waiters: tuple[int, ...]
    evidence: tuple[str, ...]
    in_doubt: bool = False


def waited_for(sleeper: Sleeper, kernel: Kernel, kind: LockType) -> WaitedFor | None:
    """The lock whose waiter lies on the stack; where none does, the one that the kernel names."""
    said = blockers(sleeper, kernel, kind.lock)
    found = _scanned(sleeper, kernel, kind)
    if found:
        agree = [name for name, lock in said.items() if lock == found.address]
        differ = [f"but {name} differs" for name in said if name not in agree]
        evidence = (f"{kind.waiter} on its stack", *agree, *differ)
        return WaitedFor(found.address, found.waiters, evidence, bool(differ))
    if len(set(said.values())) == 1:
        return WaitedFor(next(iter(said.values())), (), tuple(said))
    return None


@record
class _Scanned:
    address: int
    waiters: tuple[int, ...]


def _scanned(sleeper: Sleeper, kernel: Kernel, kind: LockType) -> _Scanned | None:
    task_offset = kernel.layout[f"{kind.waiter}.task"]
    node_offset = kernel.layout[f"{kind.waiter}.list"]
    for hit in sleeper.holding(sleeper.address):
        node = hit - task_offset + node_offset
        if not sleeper.has(node) or not linked(kernel, node):
            continue
        found = follow(kernel, node, task_offset - node_offset)
        lock = _lock_of(found, node_offset, sleeper, kernel, kind.lock) if found else 0
        if found and lock:
            return _Scanned(lock, found.waiters)
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
    answers = kernel.members(sleeper.elsewhere(), first)
    return next((word for word, at in answers if at in waiters), 0)


def owner_of(kernel: Kernel, word: int | None) -> KernelTask | None:
    """The task in an owner word; None: nobody, or no task."""
    address = (word or 0) & ~_OWNER_FLAGS
    return kernel.task(address) if address else None

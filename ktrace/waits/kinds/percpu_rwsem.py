"""struct percpu_rw_semaphore: kernel/locking/percpu-rwsem.c. Nobody keeps who holds it."""

from ktrace.plural import count
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.per_cpu import sum_of
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_of

_WRITER = "percpu_rw_semaphore.writer.task"


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    return _queued(sleeper, kernel) or _drains(sleeper, kernel)


def _queued(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    """A reader, or a writer behind another one: percpu_rwsem_wait()."""
    queue = queue_of(sleeper, kernel, "percpu_rwsem_wake_function")
    if queue is None:
        return None
    semaphore = queue.head - kernel.layout["percpu_rw_semaphore.waiters.head"]
    evidence = ["wait_queue_entry with percpu_rwsem_wake_function on its stack"]
    writer = _draining_writer(semaphore, kernel)
    if writer:
        evidence.append(_WRITER)
    return Found(
        "percpu-rwsem",
        semaphore,
        kernel.data_symbol(semaphore),
        tuple(evidence),
        ((writer, "takes the rwsem for writing, and waits for its readers"),) if writer else (),
        queue.waiters,
    )


def _draining_writer(semaphore: int, kernel: Kernel) -> KernelTask | None:
    """A writer that waits for readers: rcuwait_wait_event() of percpu_down_write(). One that holds
    the semaphore is kept nowhere."""
    address = kernel.member(semaphore, _WRITER)
    return kernel.task(address) if address else None


def _drains(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    """That writer itself."""
    if not sleeper.is_in("percpu_down_write"):
        return None
    writers = kernel.members(sleeper.elsewhere(), kernel.layout[_WRITER])
    semaphore = next((word for word, task in writers if task == sleeper.address), 0)
    if not semaphore:
        return None
    counts = kernel.member(semaphore, "percpu_rw_semaphore.read_count")
    readers = sum_of(kernel, counts, 4) if counts else None
    name = kernel.data_symbol(semaphore)
    held = "" if readers is None else f"held by {count(readers, 'reader')}"
    return Found(
        "percpu-rwsem",
        semaphore,
        ", ".join(filter(None, (name, held))),
        (_WRITER, *(() if readers is None else ("percpu_rw_semaphore.read_count",))),
    )


KIND = Kind(
    "percpu-rwsem",
    (
        *WANTS,
        "percpu_rw_semaphore.waiters.head",
        "percpu_rw_semaphore.read_count",
        _WRITER,
    ),
    _read,
    tells="the lock, where it is static; how many hold it for reading",
    holder="a writer that waits for readers; else not known",
    released="its holder",
    seen="5.10, 6.1, 6.12, 7.2",
)

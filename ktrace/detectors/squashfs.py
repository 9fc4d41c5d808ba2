"""Who is in the way of a thread that waits in squashfs_cache_get()."""

from collections.abc import Iterable

from ktrace.detectors.waits import wait_of
from ktrace.events import TaskState
from ktrace.findings import Blocker
from ktrace.kernel.wait_functions import function_of

CACHE_GET = "squashfs_cache_get"


def blockers(waiter: TaskState, others: Iterable[TaskState]) -> tuple[Blocker, ...]:
    """Sleepers that hold what waiter needs: the entry of its block while it is read
    (entry->wait_queue), or else the entries of a full cache (cache->wait_queue); both waits are
    in fs/squashfs/cache.c."""
    wait = wait_of(waiter)
    if wait is None or wait.function != CACHE_GET or waiter.squashfs is None:
        return ()
    holders = [other for other in others if _holds_entry(other, waiter)]
    fillers = [other for other in holders if _block(other) == waiter.squashfs.block]
    if fillers:
        return tuple(_blocker(other, "reads the block that it waits for") for other in fillers)
    name = waiter.squashfs.name or "squashfs"
    return tuple(_blocker(other, f"holds an entry of the full {name} cache") for other in holders)


def _holds_entry(other: TaskState, waiter: TaskState) -> bool:
    """other went through squashfs_cache_get() of the same cache and sleeps beneath it."""
    if other.task.tid == waiter.task.tid or other.squashfs is None or waiter.squashfs is None:
        return False
    if other.squashfs.cache != waiter.squashfs.cache:
        return False
    wait = wait_of(other)
    inside = any(function_of(frame).startswith("squashfs_") for frame in other.stack)
    return inside and wait is not None and wait.function != CACHE_GET


def _block(sample: TaskState) -> int | None:
    return sample.squashfs.block if sample.squashfs else None


def _blocker(sample: TaskState, why: str) -> Blocker:
    wait = wait_of(sample)
    return Blocker(
        pid=sample.task.pid,
        tid=sample.task.tid,
        comm=sample.task.comm,
        state=sample.state,
        function=wait.function if wait else None,
        why=why,
    )

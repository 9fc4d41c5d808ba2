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
    if wait is None or wait.function != CACHE_GET:
        return ()
    inside = [other for other in others if _is_beneath_cache_get(other)]
    call = waiter.squashfs
    same_cache = [o for o in inside if call and o.squashfs and o.squashfs.cache == call.cache]
    readers = [o for o in same_cache if call and o.squashfs and o.squashfs.block == call.block]
    if readers:
        return _because(readers, "reads the block that it waits for")
    if same_cache and call:
        return _because(same_cache, f"holds an entry of the full {call.name or 'squashfs'} cache")
    unknown = [other for other in inside if call is None or other.squashfs is None]
    return _because(unknown, "reads into a squashfs cache, not known which one")


def _is_beneath_cache_get(sample: TaskState) -> bool:
    """It sleeps in squashfs, but not in the waits of squashfs_cache_get() itself: it may have
    an entry of a cache."""
    wait = wait_of(sample)
    inside = any(function_of(frame).startswith("squashfs_") for frame in sample.stack)
    return inside and wait is not None and wait.function != CACHE_GET


def _because(samples: list[TaskState], why: str) -> tuple[Blocker, ...]:
    return tuple(_blocker(sample, why) for sample in samples)


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

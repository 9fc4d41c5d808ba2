"""Who blocks a thread that waits in squashfs_cache_get()."""

from collections.abc import Iterable

from ktrace.detectors.waits import wait_of
from ktrace.events import TaskState
from ktrace.kernel.wait_functions import function_of

CACHE_GET = "squashfs_cache_get"


class Holders:
    """Sleepers that may hold what a waiter needs, as one walk found them: the entry of its block
    while it is read (entry->wait_queue), or else the entries of a full cache (cache->wait_queue);
    both waits are in fs/squashfs/cache.c."""

    def __init__(self, samples: Iterable[TaskState]) -> None:
        """samples: one of each thread."""
        self._inside: list[TaskState] = []
        self._unknown: list[TaskState] = []
        self._of_cache: dict[str, list[TaskState]] = {}
        self._of_block: dict[tuple[str, int], list[TaskState]] = {}
        for sample in samples:
            if _is_beneath_cache_get(sample):
                self._add(sample)

    def _add(self, sample: TaskState) -> None:
        self._inside.append(sample)
        call = sample.squashfs
        if call is None:
            self._unknown.append(sample)
            return
        self._of_cache.setdefault(call.cache, []).append(sample)
        self._of_block.setdefault((call.cache, call.block), []).append(sample)

    def of(self, waiter: TaskState) -> tuple[list[TaskState], str]:
        """Those that block it, and why; none where it does not wait for a cache."""
        wait = wait_of(waiter)
        if wait is None or wait.function != CACHE_GET:
            return [], ""
        call = waiter.squashfs
        if call is None:
            return self._inside, _UNKNOWN
        readers = self._of_block.get((call.cache, call.block))
        if readers:
            return readers, "reads the block that it waits for"
        holders = self._of_cache.get(call.cache)
        if holders:
            return holders, f"holds an entry of the full {call.name or 'squashfs'} cache"
        return self._unknown, _UNKNOWN


_UNKNOWN = "reads into a squashfs cache, not known which one"


def _is_beneath_cache_get(sample: TaskState) -> bool:
    """It sleeps in squashfs, but not in the waits of squashfs_cache_get() itself: it may have
    an entry of a cache."""
    wait = wait_of(sample)
    if wait is None or wait.function == CACHE_GET:
        return False
    return any(function_of(frame).startswith("squashfs_") for frame in sample.stack)

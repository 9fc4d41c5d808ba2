"""Who blocks a thread that waits in squashfs_cache_get()."""

from collections.abc import Callable, Iterable

from ktrace.detectors.waits import look_beneath, wait_of
from ktrace.events import SquashfsCall, Stack, TaskState, TaskWait
from ktrace.kernel.wait_functions import function_of

CACHE_GET = "squashfs_cache_get"

# Beneath these it has an entry of a cache: it fills one in the first, in the others it has one that
# is filled. squashfs_read_data() alone says nothing: whole blocks of files go past the caches
# (fs/squashfs/file_direct.c).
_WITH_AN_ENTRY = {
    CACHE_GET,
    "squashfs_copy_cache",
    "squashfs_copy_data",
    "squashfs_readpage_fragment",
    "squashfs_readahead_fragment",
    "squashfs_read_metadata",
}


class Holders:
    """Threads that may hold what a waiter needs, as one walk found them: the entry of its block
    while it is read (entry->wait_queue), or else the entries of a full cache (cache->wait_queue);
    both waits are in fs/squashfs/cache.c."""

    def __init__(
        self, samples: Iterable[TaskState], stack_of: Callable[[TaskState], Stack]
    ) -> None:
        """samples: one of each thread. stack_of: where it is, as far as that is known."""
        self._inside: list[TaskState] = []
        self._unknown: list[TaskState] = []
        self._of_cache: dict[str, list[TaskState]] = {}
        self._of_block: dict[tuple[str, int], list[TaskState]] = {}
        for sample in samples:
            if _has_an_entry(stack_of(sample)):
                self._add(sample)

    def _add(self, sample: TaskState) -> None:
        self._inside.append(sample)
        call = sample.squashfs
        if call is None:
            self._unknown.append(sample)
            return
        self._of_cache.setdefault(call.cache, []).append(sample)
        self._of_block.setdefault((call.cache, call.block), []).append(sample)

    def of(self, waiter: TaskState, read: TaskWait | None) -> tuple[list[TaskState], str]:
        """Those that block it, and why; none where it does not wait for a cache. read: what it
        waits for by its stack, where that tells."""
        wait = wait_of(waiter)
        if wait is None or wait.function != CACHE_GET:
            return [], ""
        call = waiter.squashfs
        if call is None:
            return self._inside, _UNKNOWN
        full = _waits_for_a_free_entry(read, call)
        readers = self._of_block.get((call.cache, call.block))
        if readers and not full:
            return readers, "reads the block that it waits for"
        holders = self._of_cache.get(call.cache)
        if holders and full is not False:
            return holders, f"holds an entry of the full {call.name or 'squashfs'} cache"
        return self._unknown, _UNKNOWN


_UNKNOWN = "reads into a squashfs cache, not known which one"


def _waits_for_a_free_entry(read: TaskWait | None, call: SquashfsCall) -> bool | None:
    """False: for the entry of its block, which is pending; None: not known."""
    if read is None or read.wait != "squashfs-cache":
        return None
    return read.object == call.cache


def _has_an_entry(stack: Stack) -> bool:
    """It is in squashfs, but not in the waits of squashfs_cache_get() itself."""
    if not stack or look_beneath(stack)[0] == CACHE_GET:
        return False
    return any(function_of(frame) in _WITH_AN_ENTRY for frame in stack)

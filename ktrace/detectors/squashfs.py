"""Who blocks a thread that waits in squashfs_cache_get()."""

from collections.abc import Iterable
from dataclasses import dataclass

from ktrace.detectors.waits import wait_of
from ktrace.events import TaskState
from ktrace.findings import Blocker
from ktrace.kernel.wait_functions import function_of

CACHE_GET = "squashfs_cache_get"
BLOCKERS_KEPT = 16  # in a finding: a cache has 3 (fragments) or 8 entries (metadata) by default


@dataclass(frozen=True, slots=True)
class Blockers:
    """The first of them, and how many more there are."""

    kept: tuple[Blocker, ...] = ()
    left_out: int = 0


_NOBODY = Blockers()


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
        self._told: dict[str, Blockers] = {}
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

    def blockers(self, waiter: TaskState) -> Blockers:
        """Those that block it."""
        wait = wait_of(waiter)
        if wait is None or wait.function != CACHE_GET:
            return _NOBODY
        call = waiter.squashfs
        if call is None:
            return self._because("inside", self._inside, _UNKNOWN)
        readers = self._of_block.get((call.cache, call.block))
        if readers:
            key = f"block {call.cache} {call.block}"
            return self._because(key, readers, "reads the block that it waits for")
        holders = self._of_cache.get(call.cache)
        if holders:
            why = f"holds an entry of the full {call.name or 'squashfs'} cache"
            return self._because(f"cache {call.cache} {call.name}", holders, why)
        return self._because("unknown", self._unknown, _UNKNOWN)

    def _because(self, key: str, samples: list[TaskState], why: str) -> Blockers:
        """Made once for all that wait for the same."""
        if key not in self._told:
            kept = tuple(_blocker(sample, why) for sample in samples[:BLOCKERS_KEPT])
            self._told[key] = Blockers(kept, len(samples) - len(kept))
        return self._told[key]


_UNKNOWN = "reads into a squashfs cache, not known which one"


def _is_beneath_cache_get(sample: TaskState) -> bool:
    """It sleeps in squashfs, but not in the waits of squashfs_cache_get() itself: it may have
    an entry of a cache."""
    wait = wait_of(sample)
    if wait is None or wait.function == CACHE_GET:
        return False
    return any(function_of(frame).startswith("squashfs_") for frame in sample.stack)


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

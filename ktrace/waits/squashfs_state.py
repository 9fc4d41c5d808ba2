"""The entries of a squashfs cache, as they are: fs/squashfs/cache.c."""

import struct

from ktrace.events import CacheState
from ktrace.waits.kernel import Kernel

_MOST_ENTRIES = 256
_NAME = 16
WANTS = (
    "squashfs_cache.name",
    "squashfs_cache.entries",
    "squashfs_cache.num_waiters",
    "squashfs_cache.entry",
    "squashfs_cache_entry",
    "squashfs_cache_entry.cache",
    "squashfs_cache_entry.refcount",
    "squashfs_cache_entry.pending",
    "squashfs_cache_entry.num_waiters",
)
_NUMBERS = ("refcount", "pending", "num_waiters")


def cache_state(kernel: Kernel, cache: int, name: str) -> CacheState | None:
    """None where no cache of that name is at the address: it may have been unmounted. Raises
    NotInThisKernel."""
    at = kernel.member(cache, "squashfs_cache.name")
    first = kernel.member(cache, "squashfs_cache.entry")
    count = kernel.number(cache, "squashfs_cache.entries")
    waiting = kernel.number(cache, "squashfs_cache.num_waiters")
    if not at or not first or count is None or waiting is None or not 0 < count <= _MOST_ENTRIES:
        return None
    if (
        kernel.text(at, _NAME) != name
        or kernel.member(first, "squashfs_cache_entry.cache") != cache
    ):
        return None
    size = kernel.layout["squashfs_cache_entry"]
    offsets = [kernel.layout[f"squashfs_cache_entry.{number}"] for number in _NUMBERS]
    wanted = [(first + n * size + at, 4) for n in range(count) for at in offsets]
    read = kernel.memory.read_all(wanted)
    if None in read:
        return None
    numbers = [struct.unpack("=i", data)[0] for data in read if data]
    entries = list(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True))
    return CacheState(
        in_use=sum(references > 0 for references, _, _ in entries),
        pending=sum(bool(pending) for _, pending, _ in entries),
        # num_waiters stays what it was when the entry has been filled
        waited_for=sum(waiters for _, pending, waiters in entries if pending),
        waiting=waiting,
    )

"""Events of squashfs for tests, with as little said as each needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ktrace.events import CacheState, CacheUse, FileUse, Longest, SquashfsCounts, Task

KIB, MIB = 1 << 10, 1 << 20
READER = Task(20, 20, "reader")

_USE = CacheUse(
    cache="0xffff888004561200",
    device="loop0",
    dev="7:0",
    name="fragment",
    mount="/data",
    entries=3,
    block_size=MIB,
    calls=0,
    hits=0,
    fills=0,
    again=0,
    failed=0,
    slept_full=0,
    slept_pending=0,
    slept_s=0.0,
    disk_s=0.0,
    disk_reads=0,
    inflate_s=0.0,
    held_s=0.0,
    bytes_read=0,
    bytes_inflated=0,
    bytes_again=0,
    bytes_used=0,
    longest_wait=None,
    longest_hold=None,
    slept=(),
    disk=(),
    state=None,
)


def cache_use(**changed: Any) -> CacheUse:
    return replace(_USE, **changed)


def read(blocks: int, again: int = 0, block: int = MIB, **changed: Any) -> CacheUse:
    """So many blocks, of which 4 KiB each were used; a second of disk and decompressing for ten."""
    numbers = {
        "calls": blocks * 2,
        "hits": blocks,
        "fills": blocks,
        "again": again,
        "disk_s": blocks * 0.06,
        "disk_reads": blocks,
        "inflate_s": blocks * 0.04,
        "bytes_read": blocks * block // 2,
        "bytes_inflated": blocks * block,
        "bytes_again": again * block,
        "bytes_used": blocks * 4 * KIB,
        "block_size": block,
    }
    return cache_use(**(numbers | changed))


def waited(**changed: Any) -> CacheUse:
    """Twelve calls slept, two of them for 100 ms or more."""
    longest = Longest(0.16, 105.0, READER)
    state = CacheState(in_use=3, pending=2, waited_for=4, waiting=1)
    numbers = {
        "slept_full": 10,
        "slept_pending": 2,
        "slept_s": 1.0,
        "slept": (*(0,) * 12, 10, 0, 0, 0, 0, 2),
        "longest_wait": longest,
        "longest_hold": longest,
        "state": state,
    }
    return read(40, 30, **(numbers | changed))


def counts(t: float, *caches: CacheUse, **changed: Any) -> SquashfsCounts:
    members: dict[str, Any] = {
        "again_s": 10.0,
        "files": (FileUse("7:0", 12, "/bin/app", 31, 27, 3 * MIB, 0.5),),
        "file_pages_kib": 20480,
        "available_kib": 30720,
        "refaults": 0,
        "page_kib": 4,
    }
    return SquashfsCounts(t=t, caches=caches, **(members | changed))

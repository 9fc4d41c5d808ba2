"""fs/squashfs: struct squashfs_call as part of a look at a task, and the counts of its caches."""

from collections.abc import Mapping
from typing import Any

from ktrace.events import FILES, CacheUse, FileUse, Longest, SquashfsCall
from ktrace.sources.live.decode.fields import cgroup, seconds, task, text

_MINOR_BITS = 20  # MINORBITS of include/linux/kdev_t.h


def squashfs_call(raw: Any) -> SquashfsCall | None:
    """None: the thread has not called."""
    if not raw.t:
        return None
    return SquashfsCall(
        t=seconds(raw.t),
        cache=hex(raw.cache),
        name=text(raw.name),
        device=text(raw.device),
        block=raw.block,
    )


def cache_use(key: Any, facts: Any, by_cpu: list[Any], mounts: Mapping[str, str]) -> CacheUse:
    """mounts: "7:0" -> where that is mounted."""

    def total(name: str) -> int:
        return sum(getattr(use, name) for use in by_cpu)

    def slots(name: str) -> tuple[int, ...]:
        of_cpus = [getattr(use, name) for use in by_cpu]
        return _without_zeros([sum(each) for each in zip(*of_cpus, strict=True)])

    dev = _device(key.dev)
    numbers: dict[str, Any] = {name: total(name) for name in _COUNTS}
    numbers |= {f"{name}_s": seconds(total(f"{name}_ns")) for name in _TIMES}
    return CacheUse(
        cache=hex(key.cache),
        device=text(facts.device),
        dev=dev,
        name=text(facts.name) if key.cache else FILES,
        mount=mounts.get(dev, ""),
        entries=facts.entries,
        block_size=facts.block_size,
        **numbers,
        longest_wait=_longest([use.waiter for use in by_cpu]),
        longest_hold=_longest([use.holder for use in by_cpu]),
        slept=slots("slept_slots"),
        disk=slots("disk_slots"),
        state=None,
    )


_TIMES = ("slept", "disk", "inflate", "held")
_COUNTS = (
    "calls hits fills again failed slept_full slept_pending disk_reads"
    " bytes_read bytes_inflated bytes_again bytes_used"
).split()


def file_use(key: Any, file: Any) -> FileUse:
    path = cgroup(file.path)
    return FileUse(
        dev=_device(key.dev),
        inode=key.ino,
        path="" if path == "/" else path,
        fills=file.fills,
        again=file.again,
        bytes_read=file.bytes_read,
        slept_s=seconds(file.slept_ns),
    )


def _device(number: int) -> str:
    return f"{number >> _MINOR_BITS}:{number & (1 << _MINOR_BITS) - 1}"


def _longest(found: list[Any]) -> Longest | None:
    longest = max(found, key=lambda one: one.ns)
    if not longest.ns:
        return None
    return Longest(seconds(longest.ns), seconds(longest.t), task(longest.task))


def _without_zeros(slots: list[int]) -> tuple[int, ...]:
    """At the end."""
    while slots and not slots[-1]:
        slots.pop()
    return tuple(slots)

"""Devices beneath a device: slaves of device-mapper and MD, as sysfs lists them.

Read are only files that take no lock of the device (drivers/md/dm-sysfs.c, block/genhd.c).
"""

import os
from collections.abc import Iterator

from ktrace.waits.sysfs import text

_CLASS = "/sys/class/block"
_DEEPEST = 8
_MOST = 64  # devices that are looked at


def way_down(name: str) -> tuple[str, ...]:
    """From the device to the one beneath it that is to blame, each on the next.

    That is the first that device-mapper has suspended; where none is, the lowest along which
    requests are in flight. Of one that lies on nothing, or has no slave with requests, the name
    alone.
    """
    ways = list(_ways(whole(name)))
    suspended = next((way for way in ways if is_suspended(way[-1])), None)
    if suspended:
        return suspended
    busy = [way for way in ways if all(in_flight(device) for device in way)]
    return max(busy, key=len, default=(name,))


def whole(name: str) -> str:
    """The device that a partition is part of."""
    try:
        path = os.path.realpath(os.path.join(_CLASS, name), strict=True)
        is_part = os.path.exists(os.path.join(path, "partition"))
        return os.path.basename(os.path.dirname(path)) if is_part else name
    except OSError:
        return name


def is_suspended(name: str) -> bool:
    """By device-mapper."""
    return text(_CLASS, name, "dm", "suspended") == "1"


def mapper_name(name: str) -> str:
    """What device-mapper calls it; empty of another device."""
    return text(_CLASS, name, "dm", "name")


def backing_file(name: str) -> str:
    """Of a loop device, as its opener named it; empty of another device."""
    return text(_CLASS, name, "loop", "backing_file")


def in_flight(name: str) -> int:
    """Requests and bios that the device has not completed. "       1        0": reads, writes"""
    words = text(_CLASS, name, "inflight").split()
    return sum(int(word) for word in words if word.isdecimal())


def _ways(name: str) -> Iterator[tuple[str, ...]]:
    """All of them, the shortest first."""
    level: list[tuple[str, ...]] = [(name,)]
    left = _MOST
    for _ in range(_DEEPEST):
        yield from level[:left]
        left -= len(level)
        if left <= 0:
            return
        level = [(*way, slave) for way in level for slave in _slaves(way[-1])]


def _slaves(name: str) -> list[str]:
    """Of a partition among them its whole device: that is what has a queue, and slaves."""
    try:
        found = sorted(os.listdir(os.path.join(_CLASS, name, "slaves")))
    except OSError:
        return []  # none, or the device is gone
    return list(dict.fromkeys(map(whole, found)))

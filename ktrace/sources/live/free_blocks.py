"""Free memory by the size of its blocks: /proc/buddyinfo, and /proc/pagetypeinfo by migrate type.

The files are opened before memory is short, and while ktrace may read all of /proc. pagetypeinfo
walks the free lists with the lock of each zone held (mm/vmstat.c, 100000 blocks of a list at the
most): it is read seldom.
"""

import os
import re
from collections.abc import Iterator

from ktrace.events import FreeBlocks, TypeBlocks, ZoneBlocks
from ktrace.sources.live.kept_file import open_kept, read_kept

PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
TYPES_EVERY_S = 10.0
_ZONE = re.compile(r"^Node +(\d+), zone +(\w+)((?: +\d+)+) *$", re.MULTILINE)
_FREE = re.compile(r"^Node +(\d+), zone +(\w+), type +(\w+)((?: +>?\d+)+) *$", re.MULTILINE)
_BLOCK_ORDER = re.compile(r"^Page block order: *(\d+)$", re.MULTILINE)
_BLOCKS_HEAD = re.compile(r"^Number of blocks type +(.*)$", re.MULTILINE)


class FreeBlockFiles:
    """The two files, open."""

    def __init__(self, proc: str = "/proc") -> None:
        self._zones, self._types = (
            open_kept(f"{proc}/{name}") for name in ("buddyinfo", "pagetypeinfo")
        )
        self._types_t: float | None = None
        self._known: tuple[TypeBlocks, ...] = ()
        self.pageblock_order = pageblock_order(read_kept(self._types))

    def look(self, t: float, all_now: bool = False) -> FreeBlocks:
        """all_now: also what is read seldom."""
        if self._types is not None and (
            all_now or self._types_t is None or t - self._types_t >= TYPES_EVERY_S
        ):
            self._known, self._types_t = tuple(types(read_kept(self._types))), t
        return FreeBlocks(
            t=t,
            looked_t=t,
            page_kib=PAGE_KIB,
            zones=tuple(zones(read_kept(self._zones))),
            types_t=self._types_t,
            types=self._known,
            pageblock_order=self.pageblock_order,
        )

    def close(self) -> None:
        for file in (self._zones, self._types):
            if file is not None:
                os.close(file)


def zones(buddyinfo: str) -> Iterator[ZoneBlocks]:
    for node, zone, free in _ZONE.findall(buddyinfo):
        yield ZoneBlocks(int(node), zone, tuple(map(int, free.split())))


def types(pagetypeinfo: str) -> Iterator[TypeBlocks]:
    """Those that have free blocks or pageblocks."""
    head = _BLOCKS_HEAD.search(pagetypeinfo)
    names = head[1].split() if head else []
    pageblocks: dict[tuple[str, str], list[int]] = {}
    for node, zone, numbers in _ZONE.findall(pagetypeinfo[head.end() :] if head else ""):
        pageblocks[node, zone] = [int(number) for number in numbers.split()]
    for node, zone, name, counts in _FREE.findall(pagetypeinfo):
        free = tuple(int(number.lstrip(">")) for number in counts.split())
        own = dict(zip(names, pageblocks.get((node, zone), []), strict=False)).get(name)
        if any(free) or own:
            yield TypeBlocks(int(node), zone, name, free, own)


def pageblock_order(pagetypeinfo: str) -> int | None:
    found = _BLOCK_ORDER.search(pagetypeinfo)
    return int(found[1]) if found else None

"""What the kernel has counted of large allocations, once a second; the free blocks beside it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ktrace.events import AllocationSite, AllocationsLeftOut, BlocksStolen, Event, FreeBlocks
from ktrace.kernel.gfp import GfpFlags
from ktrace.probes.allocation_maps import AllocationMaps, Living, knobs
from ktrace.probes.loader import Loader
from ktrace.sources.live.decode.allocations import AllocationDecoder
from ktrace.sources.live.decode.decoder import Decoder
from ktrace.sources.live.free_blocks import FreeBlockFiles

LARGE_ORDER = 3  # and more: PAGE_ALLOC_COSTLY_ORDER of include/linux/mmzone.h
_EVERY_S = 1.0
_FREE_EVERY_S = 5.0  # that free blocks are told while nothing fails or waits
_STEALS_TOLD = 50
# ___GFP_DIRECT_RECLAIM, ___GFP_HIGH and ___GFP_COMP, where tracefs does not tell: the same in 5.4
# and 6.18
_MAY_WAIT, _URGENT, _COMPOUND = 0x400, 0x20, 0x40000
_NO_BLOCK = 255  # no order is so high
NOTHING_LEFT_OUT = AllocationsLeftOut(
    t=0.0, calls=0, failures=0, waits=0, live=0, steals=0, missed=0
)
_SHARE = 0.05  # of the time, at most, goes into reading what is alive


class AllocationWatch:
    """Turns the kernel's tables into events. Opens its files when it is made."""

    def __init__(self, min_order: int, gfp: GfpFlags) -> None:
        self._files = FreeBlockFiles()
        block = self._files.pageblock_order
        flags = {
            "may_wait": gfp.mask("__GFP_DIRECT_RECLAIM") or _MAY_WAIT,
            "urgent": gfp.mask("__GFP_HIGH") or _URGENT,
            "compound": gfp.mask("__GFP_COMP") or _COMPOUND,
        }
        self.knobs = knobs(min_order, _NO_BLOCK if block is None else block, flags)
        self._maps: AllocationMaps | None = None
        self._decoder: AllocationDecoder
        self._name_anew: Callable[[], None]
        self._sites: dict[int, tuple[Any, Any]] = {}  # by id: the newest key and counts
        self._told: dict[int, tuple[int, int | None]] = {}  # by id: calls and live ones
        self._living: dict[int, Living] | None = {}
        self._next_living = 0.0
        self._next_t = 0.0
        self._trouble = 0  # failures and waits so far
        self._look: FreeBlocks | None = None
        self._look_told_t = 0.0
        self._left_out = NOTHING_LEFT_OUT
        self._stolen = 0

    def begin(self, loader: Loader, decoder: Decoder, name_anew: Callable[[], None]) -> None:
        """When all is attached, and the kernel's types are still known. name_anew: makes the
        decoder know all modules."""
        self._maps = loader.allocations
        self._decoder = decoder.allocations(loader.enum("migratetype"))
        self._name_anew = name_anew

    def read(self, t: float, last: bool = False) -> Iterator[Event]:
        """What is new at time t, at most once a second; last: also what is told more seldom."""
        if self._maps is None or (t < self._next_t and not last):
            return
        self._next_t = t + _EVERY_S
        calls = {site: counts.calls for site, (_, counts) in self._sites.items()}
        new = {counts.id: (key, counts) for key, counts in self._maps.sites(calls)}
        if new.keys() - self._sites.keys():
            self._name_anew()
        self._sites |= new
        self._read_living(self._maps, last)
        yield from self._free_blocks(t, last)
        yield from self._changed(t, self._maps)
        yield from self._steals(t, self._maps, last)
        yield from self._losses(t, self._maps)

    def close(self) -> None:
        self._files.close()

    def _read_living(self, maps: AllocationMaps, last: bool) -> None:
        started = time.monotonic()
        if started < self._next_living and not last:
            return
        self._living = maps.living()
        took = time.monotonic() - started
        self._next_living = time.monotonic() + took / _SHARE

    def _changed(self, t: float, maps: AllocationMaps) -> Iterator[AllocationSite]:
        """Sites with calls or ends since they were told last."""
        for site, (key, counts) in self._sites.items():
            living = None
            if self._living is not None:
                living = self._living.get(site, Living(0, 0, 0))
            state = (counts.calls, living.number if living else None)
            if self._told.get(site) != state:
                self._told[site] = state
                yield self._decoder.site(maps.kind(key.kind), key, counts, living, t)

    def _free_blocks(self, t: float, last: bool) -> Iterator[FreeBlocks]:
        """Before the sites that failed or waited since the look before: that one, and a new one."""
        trouble = sum(counts.failed + counts.waited for _, counts in self._sites.values())
        new, self._trouble = trouble > self._trouble, trouble
        before, self._look = self._look, self._files.look(t, all_now=new or last)
        if new and before is not None and before.t > self._look_told_t:
            yield replace(before, t=t)
        if new or last or t - self._look_told_t >= _FREE_EVERY_S:
            self._look_told_t = t
            yield self._look

    def _steals(self, t: float, maps: AllocationMaps, last: bool) -> Iterator[BlocksStolen]:
        found = maps.steals()
        count = sum(counts.count for _, counts in found)
        if count != self._stolen and (last or self._look_told_t == t):
            self._stolen = count
            known = self._files.pageblock_order is not None
            steals = [self._decoder.steal(key, counts, known) for key, counts in found]
            most = sorted(steals, key=lambda steal: -steal.pages)[:_STEALS_TOLD]
            yield BlocksStolen(t=t, steals=tuple(most))

    def _losses(self, t: float, maps: AllocationMaps) -> Iterator[AllocationsLeftOut]:
        counts = maps.losses()
        now = replace(NOTHING_LEFT_OUT, missed=maps.missed(), **counts)
        if now != self._left_out:
            self._left_out = now
            yield replace(now, t=t)

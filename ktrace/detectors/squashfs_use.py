"""Thrash of squashfs: blocks that are read and decompressed again and again."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, ClassVar, Self

from ktrace.detectors.detector import Count, Detector, Run
from ktrace.detectors.squashfs_waiters import Waiters
from ktrace.detectors.squashfs_window import WINDOW_S, Recent, Window
from ktrace.events import CacheUse, Event, FileUse, SquashfsCounts
from ktrace.findings import Finding, SquashfsThrash, SquashfsWaiter

_LEAST_FILLS = 20  # in the window
_LEAST_SHARE = 0.5  # of them again
_LEAST_COST_S = 1.0  # of threads that waited or decompressed: a tenth of one thread's time
_OVER_SHARE = 0.25  # of what opened it: below that, it is over
_TOLD_EVERY_S = 10.0
_TOLD_S = 1.0  # what is told is asked so often: the first counts are no older
_MOST = 256  # caches; a trace may have any number
_FILES_KEPT = 512
FILES_TOLD = 5
_WAITERS_TOLD = 5

Key = tuple[str, str]  # address of the cache, dev


class SquashfsCaches(Detector):
    """Keeps what each cache does; tells when one thrashes, every ten seconds of it, and its end."""

    findings: ClassVar[tuple[type[Finding], ...]] = (SquashfsThrash,)
    takes = Waiters.takes | {SquashfsCounts}

    def __init__(self, start_t: float = 0.0) -> None:
        """start_t: of the run."""
        self.windows: dict[Key, Window] = {}
        self.files: dict[tuple[str, int], FileUse] = {}
        self.open: dict[Key, SquashfsThrash] = {}
        self.found: dict[str, SquashfsThrash] = {}
        self.waiters = Waiters()
        self.newest: SquashfsCounts | None = None
        self._refaults: list[tuple[float, int]] = []
        self._start_t = start_t
        self._judged_t = 0.0

    @classmethod
    def of_run(cls, run: Run) -> Self:
        return cls(run.session.t)

    def feed(self, event: Event) -> Iterator[SquashfsThrash]:
        """The findings that event leads to."""
        self.waiters.feed(event)
        if isinstance(event, SquashfsCounts):
            self._take(event)
        if self.newest and (event is self.newest or event.t >= self._judged_t + 1):
            self._judged_t = event.t
            for key, window in self.windows.items():
                yield from self._judge(key, window.recent(event.t), event.t, self.newest)

    def counts(self) -> dict[str, Count]:
        uses = [window.newest for window in self.windows.values()]
        probes = ("squashfs_read_data",)
        return {
            "squashfs_blocks_read": Count(sum(use.fills for use in uses), probes),
            "squashfs_blocks_again": Count(sum(use.again for use in uses), probes),
        }

    def recent(self, t: float) -> list[Recent]:
        """Of every cache, by device and name."""
        ordered = sorted(self.windows.values(), key=lambda w: (w.newest.device, w.newest.name))
        return [window.recent(max(t, window.changed_t)) for window in ordered]

    def busiest(self, dev: str = "", count: int = FILES_TOLD) -> list[FileUse]:
        """Files for which most was read."""
        files = [file for file in self.files.values() if dev in ("", file.dev)]
        return sorted(files, key=lambda file: -file.bytes_read)[:count]

    def _take(self, event: SquashfsCounts) -> None:
        before = self.newest.t if self.newest else max(self._start_t, event.t - _TOLD_S)
        self.newest = event
        for use in event.caches:
            key = use.cache, use.dev
            if key not in self.windows and len(self.windows) < _MOST:
                self.windows[key] = Window(min(before, event.t), use)
            if key in self.windows:
                self.windows[key].add(event.t, use)
        for file in event.files:
            self.files[file.dev, file.inode] = file
        while len(self.files) > _FILES_KEPT:
            del self.files[next(iter(self.files))]
        if event.refaults is not None:
            self._refaults.append((event.t, event.refaults))
            while len(self._refaults) > 2 and self._refaults[1][0] <= event.t - WINDOW_S:
                del self._refaults[0]

    def _judge(
        self, key: Key, recent: Recent, t: float, event: SquashfsCounts
    ) -> Iterator[SquashfsThrash]:
        told = self.open.get(key)
        if told is None:
            if thrashes(recent.use):
                yield self._tell(key, recent, t, event, "open")
        elif not thrashes(recent.use, _OVER_SHARE):
            yield self._tell(key, recent, t, event, "resolved", told)
            del self.open[key]
        elif t - told.t >= _TOLD_EVERY_S:
            yield self._tell(key, recent, t, event, "update", told)

    def _tell(
        self,
        key: Key,
        recent: Recent,
        t: float,
        event: SquashfsCounts,
        status: str,
        told: SquashfsThrash | None = None,
    ) -> SquashfsThrash:
        use = recent.use
        found = SquashfsThrash(
            status=status,
            id=told.id if told else f"squashfs-thrash-{use.dev}-{use.name}-{t:.6f}",
            t=t,
            since_t=told.since_t if told else round(recent.began_t, 6),
            over_s=recent.over_s,
            again_s=event.again_s,
            files=tuple(self.busiest(use.dev)),
            file_pages_kib=event.file_pages_kib,
            available_kib=event.available_kib,
            refaults_kib=self._refaulted(event),
            waiters=self._waiters(use, t),
            costs=event.costs or None,
            **_of_use(use),
        )
        self.open[key] = self.found[found.id] = found
        return found

    def _waiters(self, use: CacheUse, t: float) -> tuple[SquashfsWaiter, ...]:
        if self.waiters.t is None or t - self.waiters.t > WINDOW_S:
            return ()
        of_cache = (
            waiter
            for waiter in self.waiters.newest
            if (waiter.device, waiter.cache) == (use.device, use.name)
        )
        return tuple(islice(of_cache, _WAITERS_TOLD))

    def _refaulted(self, event: SquashfsCounts) -> int | None:
        if len(self._refaults) < 2:
            return None
        return (self._refaults[-1][1] - self._refaults[0][1]) * event.page_kib


def thrashes(use: CacheUse, factor: float = 1.0) -> bool:
    """use: of the window. factor: of what it takes."""
    return (
        use.fills >= _LEAST_FILLS * factor
        and use.again >= use.fills * _LEAST_SHARE * factor
        and cost_s(use) >= _LEAST_COST_S * factor
    )


def cost_s(use: CacheUse) -> float:
    """What threads spent: asleep for an entry, for the disk, on decompressing."""
    return use.slept_s + use.disk_s + use.inflate_s


def _of_use(use: CacheUse) -> dict[str, Any]:
    cached = use.cache != "0x0"
    inflated = use.measured(use.bytes_inflated)
    same = "device dev mount fills again slept_full slept_pending slept_s"
    return {name: getattr(use, name) for name in same.split()} | {
        "cache": use.name,
        "entries": use.entries or None,
        "block_size": use.block_size or None,
        "calls": use.calls,
        "hits": use.hits if cached else None,
        "bytes_read": use.measured(use.bytes_read),
        "bytes_inflated": inflated,
        "bytes_again": None if inflated is None else use.bytes_again,
        "bytes_used": use.bytes_used if cached else None,
        "disk_s": use.disk_s if use.disk_reads else None,
        "inflate_s": use.inflate_s if cached else None,
        "longest_wait": use.longest_wait,
        "longest_hold": use.longest_hold,
        "slept": use.slept if cached else None,
        "disk": use.disk if use.disk_reads else None,
    }

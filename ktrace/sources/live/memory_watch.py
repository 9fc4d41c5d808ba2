"""The machine's memory, looked at once a second: what led to an OOM kill.

The files are opened before memory is short. None of them takes a lock that a hung task may hold:
mm/vmstat.c, fs/proc/meminfo.c, kernel/sched/psi.c.
"""

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from ktrace.events import Counted, Event, MemoryCount, OomKill, OomMemory, OomVictim, Stalled, Zone
from ktrace.record import record
from ktrace.sources.live.kept_file import open_kept, read_kept
from ktrace.sources.live.meminfo import kib_by_name

WINDOW_S = 30.0  # what is told of goes back so far
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
_COUNTERS = (
    "pgscan_kswapd pgscan_direct pgsteal_kswapd pgsteal_direct workingset_refault"
    " workingset_refault_file workingset_refault_anon pgmajfault oom_kill compact_stall"
    " compact_fail"
).split()
_MEMORY = (
    "MemTotal MemFree MemAvailable Active(file) Inactive(file) AnonPages Mapped Shmem Mlocked"
    " Unevictable SReclaimable SUnreclaim KernelStack PageTables Percpu SwapTotal SwapFree"
    " CmaTotal CmaFree HugePages_Total"
).split()
_ZONE = re.compile(r"Node +(\d+), zone +(\w+)")
_WATERMARKS = ("min", "low", "high", "managed")


@record
class MemoryLook:
    """What the files said at a moment."""

    t: float
    memory: dict[str, int]  # KiB
    zones: tuple[Zone, ...]
    counters: dict[str, int]
    stalled: Stalled | None  # since boot


def look_of(t: float, text: Callable[[str], str], page_kib: int) -> MemoryLook:
    """text: of the file of that name, below /proc."""
    return MemoryLook(
        t,
        kib_by_name(text("meminfo"), _MEMORY),
        zones(text("zoneinfo"), page_kib),
        counters(text("vmstat")),
        pressure(text("pressure/memory")),
    )


class MemoryFiles:
    """The files, open."""

    def __init__(self, proc: str = "/proc") -> None:
        names = ("meminfo", "vmstat", "zoneinfo", "pressure/memory")
        self._files = {name: open_kept(f"{proc}/{name}") for name in names}

    def look(self, t: float) -> MemoryLook:
        """Whatever cannot be read is empty."""
        return look_of(t, self._read, PAGE_KIB)

    def close(self) -> None:
        for file in self._files.values():
            if file is not None:
                os.close(file)

    def _read(self, name: str) -> str:
        return read_kept(self._files[name])


class MemoryWatch:
    """Give it all events, and call it at least once a second."""

    def __init__(self, look: Callable[[float], MemoryLook], page_kib: int = PAGE_KIB) -> None:
        self._look = look
        self._page_kib = page_kib
        self._looks: deque[MemoryLook] = deque(maxlen=int(WINDOW_S) + 1)

    def read(self, t: float, found: Iterable[Event]) -> Iterator[OomMemory]:
        """A look; and what led to the first of the OOM kills that are among the events."""
        kills = [event.t for event in found if isinstance(event, OomKill | OomVictim)]
        if not self._looks or kills or t - self._looks[-1].t >= 1.0:
            self._looks.append(self._look(t))
        if kills:
            yield self._before(kills[0], t)

    @property
    def newest(self) -> MemoryLook | None:
        return self._looks[-1] if self._looks else None

    def _before(self, kill_t: float, t: float) -> OomMemory:
        before = [look for look in self._looks if look.t <= kill_t] or [self._looks[-1]]
        last = before[-1]
        first = next(look for look in before if look.t >= last.t - WINDOW_S)
        return OomMemory(
            t=t,
            looked_t=last.t,
            over_s=round(last.t - first.t, 6),
            page_kib=self._page_kib,
            memory=tuple(MemoryCount(name, kib) for name, kib in last.memory.items()),
            left=tuple(MemoryCount(name, kib) for name, kib in self._looks[-1].memory.items()),
            grown=tuple(
                MemoryCount(name, kib - first.memory[name])
                for name, kib in last.memory.items()
                if name in first.memory and first is not last
            ),
            zones=last.zones,
            counted=tuple(
                Counted(name, number - first.counters[name])
                for name, number in last.counters.items()
                if name in first.counters and first is not last
            ),
            stalled=_between(first.stalled, last.stalled) if first is not last else None,
        )


def counters(text: str) -> dict[str, int]:
    """Of those in _COUNTERS, since boot."""
    found = dict(line.split(None, 1) for line in text.splitlines() if " " in line)
    return {name: int(found[name]) for name in _COUNTERS if found.get(name, "").isdigit()}


def zones(text: str, page_kib: int) -> tuple[Zone, ...]:
    """Those that have pages."""
    found = []
    parts = _ZONE.split(text)
    for node, name, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        lines = (line.split() for line in body.splitlines())
        pages = {words[-2]: words[-1] for words in lines if len(words) in (2, 3)}
        sizes = [pages.get(key, "0") for key in ("free", *_WATERMARKS)]
        if not all(size.isdigit() for size in sizes) or sizes[-1] == "0":
            continue
        found.append(Zone(name, int(node), *(int(size) * page_kib for size in sizes)))
    return tuple(found)


def pressure(text: str) -> Stalled | None:
    """Of "some avg10=0.00 avg60=0.00 avg300=0.00 total=94634" and "full ...", microseconds."""
    totals = dict(re.findall(r"^(some|full) .*\btotal=(\d+)$", text, re.MULTILINE))
    if len(totals) < 2:
        return None
    return Stalled(int(totals["some"]) / 1e6, int(totals["full"]) / 1e6)


def _between(first: Stalled | None, last: Stalled | None) -> Stalled | None:
    if first is None or last is None:
        return None
    return Stalled(
        round(last.some_s - first.some_s, 6),
        round(last.full_s - first.full_s, 6),
    )

"""How the memory of cgroups with a limit grows: looked at before one of them has reached it.

The files are opened while memory is there. memory.stat takes no lock that a hung task may hold
(mm/memcontrol.c, kernel/cgroup/rstat.c).
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator

from ktrace.record import record
from ktrace.sources.live.kept_file import open_kept, read_kept
from ktrace.sources.live.memory_cgroups import limit_and_usage, memory_mounts

WINDOW_S = 30.0
_EVERY_S = 1.0
_CHOOSE_EVERY_S = 5.0  # those to look at
_MOST = 32  # of them: the nearest to their limits
_MOST_FOLDERS = 1000  # that they are chosen from
_SHARE = 0.02  # of the time, at most, goes into looks, and as much into choosing
_ANONYMOUS = ("anon", "total_rss")  # of memory.stat, v2 and v1


@record
class Growth:
    """Of anonymous memory, from its lowest within WINDOW_S until the newest look."""

    kib: int
    over_s: float


class CgroupGrowth:
    """Call read() as often as may be; mountinfo can be another's for tests."""

    def __init__(self, mountinfo: str = "/proc/self/mountinfo") -> None:
        self._mountinfo = mountinfo
        self._files: dict[str, int] = {}  # by folder: its memory.stat
        self._sizes: dict[str, deque[tuple[float, int]]] = {}
        self._next_look = self._next_choice = 0.0

    def read(self, t: float) -> None:
        """A look, where it is time for one."""
        if t >= self._next_choice:
            self._next_choice = t + max(_CHOOSE_EVERY_S, _took(self._choose) / _SHARE)
        if t >= self._next_look:
            self._next_look = t + max(_EVERY_S, _took(lambda: self._look(t)) / _SHARE)

    def grown(self, folder: str) -> Growth | None:
        """None: it was not looked at twice."""
        sizes = self._sizes.get(folder)
        if sizes is None or len(sizes) < 2:
            return None
        last_t, last = sizes[-1]
        low_t, low = min(sizes, key=lambda look: (look[1], -look[0]))
        return Growth(last - low, round(last_t - low_t, 6))

    def close(self) -> None:
        for file in self._files.values():
            os.close(file)
        self._files.clear()

    def _choose(self) -> None:
        chosen = _nearest_to_limit(self._mountinfo)
        for folder in self._files.keys() - chosen:
            os.close(self._files.pop(folder))
            self._sizes.pop(folder, None)
        for folder in chosen - self._files.keys():
            file = open_kept(f"{folder}/memory.stat")
            if file is not None:
                self._files[folder] = file

    def _look(self, t: float) -> None:
        for folder, file in self._files.items():
            size = _anonymous_kib(read_kept(file))
            if size is None:
                continue  # it is gone
            sizes = self._sizes.setdefault(folder, deque(maxlen=int(WINDOW_S / _EVERY_S) + 1))
            sizes.append((t, size))
            while sizes[0][0] < t - WINDOW_S:
                sizes.popleft()


def _nearest_to_limit(mountinfo: str) -> set[str]:
    shares = []
    for count, folder in enumerate(_folders(mountinfo)):
        if count >= _MOST_FOLDERS:
            break
        limit, usage = limit_and_usage(folder)
        if limit and usage is not None:
            shares.append((usage / limit, folder))
    return {folder for _, folder in sorted(shares, reverse=True)[:_MOST]}


def _folders(mountinfo: str) -> Iterator[str]:
    try:
        with open(mountinfo, errors="surrogateescape") as file:
            mounts = list(memory_mounts(file.read()))
    except OSError:
        return
    for _, point in mounts:
        for folder, _, _ in os.walk(point):
            yield folder


def _anonymous_kib(text: str) -> int | None:
    found = dict(line.split() for line in text.splitlines() if line.count(" ") == 1)
    known = [found[name] for name in _ANONYMOUS if name in found]
    return int(known[0]) // 1024 if known and known[0].isdigit() else None


def _took(work: Callable[[], None]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started

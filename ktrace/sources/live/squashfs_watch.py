"""What squashfs does, asked once a second: the kernel counts."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from ktrace.events import CacheState, CacheUse, FileUse, SquashfsCounts
from ktrace.probes.loader import SquashfsTables
from ktrace.sources.live.decode.squashfs import cache_use, file_use
from ktrace.sources.live.memory_watch import PAGE_KIB, MemoryLook
from ktrace.sources.live.mounts import mounts
from ktrace.sources.live.probe_costs import ProbeCosts

AGAIN_S = 10.0  # a block that is decompressed once more within so long was thrown out too soon
_FILES_TOLD = 8
_ASK_FOR_MOUNT = 3  # times: it is read before it is mounted, and may be in another namespace


class SquashfsWatch:
    """Turns the loader's counts into events; nothing where nothing has changed."""

    def __init__(
        self,
        counts: Callable[[], SquashfsTables | None],
        state: Callable[[int, str], CacheState | None],
        memory: Callable[[], MemoryLook | None],
    ) -> None:
        """state: of the cache at an address, of that name."""
        self._counts, self._state, self._memory = counts, state, memory
        self._told: dict[tuple[str, str], CacheUse] = {}
        self._files: dict[tuple[str, int], int] = {}  # bytes read, when it was last asked
        self._mounts: Mapping[str, str] = {}
        self._asked = Counter[str]()  # times, by device
        self._costs = ProbeCosts()

    def read(self, t: float) -> Iterator[SquashfsCounts]:
        counts = self._counts()
        if counts is None:
            return
        changed = [use for use in self._caches(counts) if self._told.get(_key(use)) != use]
        costs = self._costs.read(t, counts.programs, busy=bool(changed))
        self._told |= {_key(use): use for use in changed}
        files = self._busiest(counts)
        if not changed:
            return
        memory = self._memory()
        known = memory.memory if memory else {}
        pages = [known.get(f"{list_}(file)") for list_ in ("Active", "Inactive")]
        yield SquashfsCounts(
            t=t,
            again_s=AGAIN_S,
            caches=tuple(changed),
            files=files,
            file_pages_kib=None if None in pages else sum(filter(None, pages)),
            available_kib=known.get("MemAvailable"),
            refaults=memory.counters.get("workingset_refault_file") if memory else None,
            page_kib=PAGE_KIB,
            costs=costs,
            costs_over_s=round(self._costs.over_s, 6),
            no_costs=self._costs.why_not,
        )

    def close(self) -> None:
        self._costs.close()

    def _caches(self, counts: SquashfsTables) -> Iterator[CacheUse]:
        uses = [cache_use(*cache, self._mounts) for cache in counts.caches]
        unknown = {use.dev for use in uses if not use.mount}
        if any(self._asked[dev] < _ASK_FOR_MOUNT for dev in unknown):
            self._asked.update(unknown)
            self._mounts = mounts()
            uses = [replace(use, mount=self._mounts.get(use.dev, "")) for use in uses]
        for use in uses:
            address = int(use.cache, 16)
            yield replace(use, state=self._state(address, use.name)) if address else use

    def _busiest(self, counts: SquashfsTables) -> tuple[FileUse, ...]:
        files = [file_use(*file) for file in counts.files]
        grown = {
            (file.dev, file.inode): file.bytes_read - self._files.get((file.dev, file.inode), 0)
            for file in files
        }
        self._files = {(file.dev, file.inode): file.bytes_read for file in files}
        new = [file for file in files if grown[file.dev, file.inode]]
        new.sort(key=lambda file: -grown[file.dev, file.inode])
        return tuple(new[:_FILES_TOLD])


def _key(use: CacheUse) -> tuple[str, str]:
    return use.cache, use.dev

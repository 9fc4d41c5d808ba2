"""Why the OOM killer was called: what its report says of memory.

The zones of show_free_areas() (mm/show_mem.c, before v6.0 mm/page_alloc.c), swap, unreclaimable
slab; usage and limit of a memory cgroup (mem_cgroup_print_oom_meminfo() of mm/memcontrol.c); the
table of tasks of dump_tasks() (mm/oom_kill.c), in pages.
"""

import re

from ktrace.events import MemoryCount, OomTask
from ktrace.sources.log.whole_table import HEADER, LARGEST, WholeTable

_ZONE = re.compile(r"(?:Node \d+ )?(?P<zone>DMA|DMA32|Normal|HighMem|Movable|Device) ?free:(\d+)kB")
_ZONE_SIZE = re.compile(r"\b(min|low|high|present|managed):(\d{1,15})kB")
_SWAP = re.compile(r"(Free|Total) swap\s*=\s*(\d{1,15})kB")
_GLOBAL = re.compile(
    r"\b(slab_reclaimable|slab_unreclaimable|shmem|unevictable|mlocked):(\d{1,15})\b"
)
_USAGE = re.compile(r"(memory|swap|memory\+swap|kmem): usage (\d{1,15})kB, limit (\d{1,19})kB")
_ROW = re.compile(r"\[\s*(\d{1,10})\]\s+(.*)$")
# the buddy lists, "Node 0 DMA: 1*4kB (U) 0*8kB": the smallest is a page
_BUDDIES = re.compile(r"(?:Node \d+ )?\w+: \d+\*(\d{1,6})kB ")
# of lines that the first three are for
_FIRST_WORDS = (
    *("Node ", "DMA", "Normal", "HighMem", "Movable", "Device"),
    *("Free", "Total", "memory", "swap", "kmem"),
)
_MAX = 40  # facts; a machine has some zones in each of some nodes


class OomMemory:
    """The facts of one report."""

    def __init__(self) -> None:
        self._facts: dict[str, int] = {}  # KiB
        self._pages: dict[str, int] = {}
        self._page_kib: int | None = None
        self._columns: list[str] = []
        self._tasks: list[OomTask] = []

    def take(self, text: str) -> bool:
        """Whether the line is about memory."""
        if text.startswith("["):
            return self._take_task(text)
        if text.startswith(_FIRST_WORDS) and self._take_facts(text):
            return True
        if ("slab_" in text or "shmem:" in text) and (found := _GLOBAL.findall(text)):
            for name, pages in found:
                self._pages.setdefault(name, int(pages))
        elif "*" in text and (match := _BUDDIES.match(text)):
            self._page_kib = self._page_kib or int(match[1])
        else:
            return False
        return True

    def _take_facts(self, text: str) -> bool:
        if match := _ZONE.match(text):
            self._put(f"{match['zone']} free", int(match[2]))
            for name, kib in _ZONE_SIZE.findall(text):
                self._put(f"{match['zone']} {name}", int(kib))
        elif match := _SWAP.match(text):
            self._put(f"swap {match[1].lower()}", int(match[2]))
        elif match := _USAGE.match(text):
            self._put(f"{match[1]} usage", int(match[2]))
            self._put(f"{match[1]} limit", int(match[3]))
        return match is not None

    def _put(self, name: str, kib: int) -> None:
        if len(self._facts) < _MAX:
            self._facts.setdefault(name, kib)

    def _take_task(self, text: str) -> bool:
        if match := HEADER.match(text):
            self._columns = match[1].split()
            return True
        match = _ROW.match(text) if self._columns else None
        if match is None:
            return False
        values = match[2].split(None, len(self._columns) - 1)
        row = dict(zip(self._columns, values, strict=False))
        try:
            task = OomTask(
                pid=int(match[1]),
                comm=row["name"],
                rss_pages=int(row["rss"]),
                oom_score_adj=int(row.get("oom_score_adj", row.get("oom_adj", "0"))),
            )
        except (KeyError, ValueError):
            return False
        self._tasks.append(task)
        if len(self._tasks) > 2 * LARGEST:
            self._tasks = [*self.largest()]
        return True

    def take_table(self, table: WholeTable) -> bool:
        """All rows; False: they have other columns than the header."""
        if tuple(self._columns) != table.columns:
            return False
        self._tasks = [*self.largest(), *table.largest()]
        return True

    def facts(self) -> tuple[MemoryCount, ...]:
        """In the report's own words, KiB; what it tells in pages, where it shows their size."""
        size = self._page_kib
        of_pages = {name: pages * size for name, pages in self._pages.items()} if size else {}
        return tuple(MemoryCount(name, kib) for name, kib in (self._facts | of_pages).items())

    def largest(self) -> tuple[OomTask, ...]:
        """The tasks with the most resident memory, the largest first."""
        ordered = sorted(self._tasks, key=lambda task: -task.rss_pages)
        return tuple(ordered[:LARGEST])

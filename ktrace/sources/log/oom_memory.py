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
IN_PAGES = ("slab_reclaimable", "slab_unreclaimable", "shmem", "unevictable", "mlocked")
_GLOBAL = re.compile(rf"\b({'|'.join(IN_PAGES)}):(\d{{1,15}})\b")
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
        self.page_kib: int | None = None
        self._columns: list[str] = []
        self._tasks: list[OomTask] = []

    def take(self, text: str) -> bool:
        """Whether the line is about memory."""
        if text.startswith("["):
            return self._take_task(text)
        found = facts_in(text)
        for name, at, end in found:
            if name in IN_PAGES:
                self._pages.setdefault(name, int(text[at:end]))
            elif len(self._facts) < _MAX:
                self._facts.setdefault(name, int(text[at:end]))
        if not found and "*" in text and (match := _BUDDIES.match(text)):
            self.page_kib = self.page_kib or int(match[1])
            return True
        return bool(found)

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
        size = self.page_kib
        of_pages = {name: pages * size for name, pages in self._pages.items()} if size else {}
        return tuple(MemoryCount(name, kib) for name, kib in (self._facts | of_pages).items())

    def largest(self) -> tuple[OomTask, ...]:
        """The tasks with the most resident memory, the largest first."""
        ordered = sorted(self._tasks, key=lambda task: -task.rss_pages)
        return tuple(ordered[:LARGEST])


def facts_in(text: str) -> list[tuple[str, int, int]]:
    """Of a line, by the name that OomMemory has for each: where its number begins, and ends."""
    found = []
    if text.startswith(_FIRST_WORDS):
        if match := _ZONE.match(text):
            zone = match["zone"]
            found = [(f"{zone} free", *match.span(2))]
            found += [(f"{zone} {size[1]}", *size.span(2)) for size in _ZONE_SIZE.finditer(text)]
        elif match := _SWAP.match(text):
            found = [(f"swap {match[1].lower()}", *match.span(2))]
        elif match := _USAGE.match(text):
            names = (f"{match[1]} usage", f"{match[1]} limit")
            found = [(name, *match.span(group)) for group, name in enumerate(names, 2)]
    if not found and ("slab_" in text or "shmem:" in text):
        found = [(match[1], *match.span(2)) for match in _GLOBAL.finditer(text)]
    return found

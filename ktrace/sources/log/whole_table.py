"""The table of tasks in a report of the OOM killer, read in one piece: dump_tasks(), mm/oom_kill.c.

It has most of the report's lines: of a thousand tasks the five largest are told.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from ktrace.events import OomTask
from ktrace.record import record

# "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name"
HEADER = re.compile(r"\[ *pid *\]\s+(uid\s+tgid\s.*\sname)\s*$", re.MULTILINE)
LARGEST = 5
_END = re.compile(r"\n(?!\[)")
_ADJUSTED = ("oom_score_adj", "oom_adj")
_NUMBER = "-?[0-9]{1,20}+"


@record
class WholeTable:
    """Rows, without the header, that have a number in each column, and then a name."""

    text: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]  # pid, rss in pages, oom_score_adj, name

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")[:-1]

    @property
    def length(self) -> int:
        """Lines."""
        return len(self.rows)

    @property
    def free_text(self) -> set[str]:
        """What may be anything: names, each with what is before it."""
        return {f" {row[3]}" for row in self.rows}

    def largest(self) -> list[OomTask]:
        return largest(self.rows)


def largest(rows: list[tuple[str, ...]]) -> list[OomTask]:
    """Those with the most resident memory, the largest first; of equal ones the earlier."""
    sizes = [int(row[1]) for row in rows]
    order = sorted(range(len(rows)), key=sizes.__getitem__, reverse=True)
    return [
        OomTask(int(pid), name, int(rss), int(adjusted))
        for pid, rss, adjusted, name in [rows[index] for index in order[:LARGEST]]
    ]


def with_tables(text: str) -> Iterator[str | WholeTable]:
    """Of lines, each with its end: those between tables, and tables, in order."""
    at = search = 0
    while (pid := text.find(" pid ", search)) >= 0:
        search = pid + 1
        begin = text.rfind("\n", at, pid) + 1 or at
        header = HEADER.match(text, begin)
        if header is None:
            continue
        rows = _table(text, header.end() + 1, tuple(header[1].split()))
        if rows is not None:
            yield text[at : header.end() + 1]
            yield rows
            at = search = header.end() + 1 + len(rows.text)
    if at < len(text):
        yield text[at:]


def _table(text: str, begin: int, columns: tuple[str, ...]) -> WholeTable | None:
    row = _row(columns)
    end = _END.search(text, begin)
    if row is None or end is None or not text.startswith("[", begin):
        return None
    found = text[begin : end.end()]
    rows = row.findall(found)
    return WholeTable(found, columns, rows) if len(rows) == found.count("\n") else None


@lru_cache(maxsize=64)
def _row(columns: tuple[str, ...]) -> re.Pattern[str] | None:
    pattern = row_pattern(columns)
    return None if pattern is None else re.compile(pattern)


def row_pattern(columns: tuple[str, ...], name: str = r"[^ \n][^\n]*") -> str | None:
    """A row, with its end; its groups are pid, rss, oom_score_adj, name. None: the columns are not
    those that the kernel has."""
    adjusted = next((name for name in _ADJUSTED if name in columns), "")
    wanted = [column for column in columns if column in ("rss", adjusted, "name")]
    if wanted != ["rss", adjusted, "name"]:
        return None
    numbers = [
        f" ++({_NUMBER})" if column in ("rss", adjusted) else f" ++{_NUMBER}"
        for column in columns[:-1]
    ]
    return rf"\[ *+([0-9]{{1,10}})\]{''.join(numbers)} ++({name})\n"

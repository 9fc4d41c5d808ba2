"""The rows of the OOM killer's table of tasks, behind a prefix: of each report there may be
another number."""

import re
from collections.abc import Sequence

from ktrace.sources.log.whole_table import HEADER, row_pattern

_SURE = re.compile(r"[A-Za-z:_ -]+")  # of the line that follows the table
# Of a task, without what web pages and mails encode; a table with another is read line by line
_NAME = r"[\w./:+()#@,-][\w ./:+()#@,-]*"


class TaskRows:
    """Between two lines of one shape."""

    def __init__(self, before: str, row: str, follows: str) -> None:
        """before: a pattern of the prefix. follows: how the line behind the table begins."""
        self._rows = re.compile(before + row, re.ASCII).findall
        self._follows = follows

    def rows(self, text: str, at: int) -> tuple[list[tuple[str, ...]], int]:
        """Those that begin there: pid, rss in pages, oom_score_adj, name; and where they end. No
        rows: some of the lines are none."""
        behind = text.find(self._follows, at)
        end = text.rfind("\n", at, behind) + 1
        if behind < 0 or end <= at:
            return [], at
        found = self._rows(text, at, end)
        return (found if len(found) == text.count("\n", at, end) else []), end


def rows_after(texts: Sequence[str], befores: Sequence[str]) -> tuple[TaskRows | None, range]:
    """The table that is among the lines of a report, and the numbers of its rows. befores: patterns
    of the lines' prefixes."""
    for number, text in enumerate(texts):
        header = HEADER.match(text)
        row = row_pattern(tuple(header[1].split()), _NAME) if header else None
        if row is None:
            continue
        one = re.compile(row)
        end = number + 1
        while end < len(texts) and one.fullmatch(f"{texts[end]}\n"):
            end += 1
        follows = _SURE.match(texts[end]) if end < len(texts) else None
        if end > number + 1 and follows:
            return TaskRows(befores[end - 1], row, follows[0]), range(number + 1, end)
    return None, range(0)

"""The text of a report that others have too, but for values in known places: one pattern for all
of its lines.

A report is read once, line by line; of its text a pattern is made, in which a line that has one of
the kind's forms (form.py) may have other values, and every other line is what it was, character by
character. So what the pattern matches is read as the first one was, but for the values.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ktrace.sources.log.form import LineForm, with_other_numbers
from ktrace.sources.log.heads import Heads
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.open_report import OpenReport
from ktrace.sources.log.prefix import Prefix
from ktrace.sources.log.report import Report
from ktrace.sources.log.task_rows import rows_after


class Found(NamedTuple):
    """Such a report."""

    text: str
    start: int
    end: int
    first: re.Match[str]
    rest: re.Match[str]  # behind the table of tasks; without one it is `first`
    rows: list[tuple[str, ...]]  # of the table
    lines: int
    own: int  # of these, up to the last that is the report's

    @property
    def before(self) -> str:
        """The first line's prefix."""
        return self.first["before"]

    @property
    def report(self) -> str:
        return self.text[self.start : self.end]


class Read(NamedTuple):
    """A report that was read line by line."""

    kind: Kind
    report: Report
    parts: list[tuple[str, str]]  # of its lines: prefix and text
    ended: bool  # by its own last line; else by the first one of the next


class Shape:
    """What a report looks like. pattern says which logs it is for: those of that prefix."""

    def __init__(self, read: Read, prefix: Prefix, lines: Sequence[str], next_head: str) -> None:
        """lines: a pattern for the text of each. next_head: of the line that ends a report that has
        no last line of its own. Raises re.error where no pattern can be made of it."""
        self.prefix = prefix.pattern
        befores = [with_other_numbers(before) for before, _ in read.parts]
        patterns = [f"{before}{line}\n" for before, line in zip(befores, lines, strict=True)]
        patterns[0] = f"(?P<before>{befores[0]}){lines[0]}\n"
        self._table, rows = rows_after([text for _, text in read.parts], befores)
        below = rows.stop if self._table else len(patterns)
        end = f"(?={befores[0]}{'' if read.ended else next_head})"
        above = "".join(patterns[: rows.start if self._table else below])
        self._first = re.compile(above + ("" if self._table else end), re.ASCII)
        self._rest = re.compile("".join(patterns[below:]) + end, re.ASCII)
        self._lines = len(patterns) - len(rows)
        self._frames = [text for _, text in read.parts if "+0x" in text]
        self._length = sum(len(before) + len(text) + 1 for before, text in read.parts)
        self.sign, self.sign_within = "", 0  # some text that it has, in so many bytes
        self._others = len(patterns) - read.report.last  # lines at the end that are not its own

    def set_apart(self, others: Sequence["Shape"]) -> None:
        """Chooses a frame that they have not: where it is missing, there is no need to compare all
        of the text that it has in common with them."""
        for frame in self._frames:
            if not any(frame in other._frames for other in others):
                self.sign, self.sign_within = frame, 2 * self._length
                return

    def groups(self, *names: str) -> tuple[int, ...]:
        """Numbers of the values of these names, in Found.first. Raises KeyError."""
        return tuple(self._first.groupindex[name] for name in names)

    def numbers(self, name: str) -> tuple[int, ...]:
        """As groups(), of all that have the name, and perhaps a number."""
        groups = self._first.groupindex.items()
        return tuple(at for group, at in groups if group.rstrip("0123456789") == name)

    @property
    def names_below(self) -> Mapping[str, int]:
        """Numbers of the values in Found.rest."""
        return (self._rest if self._table else self._first).groupindex

    def groups_below(self, *names: str) -> tuple[int, ...]:
        """As groups(), in Found.rest."""
        return tuple(self.names_below[name] for name in names)

    def find(self, text: str, at: int) -> Found | None:
        """Such a report that begins there, where another line of the log follows."""
        first = self._first.match(text, at)
        if first is None:
            return None
        if self._table is None:
            end, lines = first.end(), self._lines
            return Found(text, at, end, first, first, [], lines, lines - self._others)
        rows, end = self._table.rows(text, first.end())
        rest = self._rest.match(text, end) if rows else None
        if rest is None:
            return None
        lines = self._lines + len(rows)
        return Found(text, at, rest.end(), first, rest, rows, lines, lines - self._others)


def read_alone(text: str, prefix: Prefix, heads: Heads) -> Read | None:
    """The report whose first line is that of the text, as a source of events reads it. None: all
    of the text has to be read as a whole, as it has something else in it, or breaks off."""
    lines = text.split("\n")
    lines.pop()
    matches = [prefix.match(line) for line in lines]
    head = heads.find(lines[0], matches[0].end()) if matches and matches[0] else None
    if head is None or head.kind.report is None:
        return None
    entry: OpenReport | None = None
    parts: list[tuple[str, str]] = []
    for number, (line, match) in enumerate(zip(lines, matches, strict=True), 1):
        if match is None or match["caller"]:
            return None
        found = LogLine(number, line[match.end() :].strip())
        parts.append(_apart(line, match.end()))
        if entry is None:
            if head.start != match.end():
                return None
            entry = OpenReport(head.kind, head.kind.report(found, head.match), "")
            continue
        other = heads.find(line, match.end()) if heads.marked(line) else None
        if other is not None and (other.start != match.end() or not entry.has(other.kind)):
            return None
        taken = entry.take(found)
        if entry.done:
            return Read(head.kind, entry.report, parts, True) if taken else None
    if entry is None or not entry.is_ended_by(head.kind):
        return None
    return Read(head.kind, entry.report, parts, False)


def _apart(line: str, begin: int) -> tuple[str, str]:
    """Prefix and indent, and the text with blanks that may follow."""
    text = line[begin:].lstrip()
    return line[: len(line) - len(text)], text


def patterns_of(texts: Sequence[str], forms: Sequence[LineForm]) -> list[str]:
    """One for each line: of its form; else for that line as it is."""
    names: set[str] = set()
    found = []
    for text in texts:
        pattern = next((made for form in forms if (made := form.of(text, names))), None)
        found.append(re.escape(text) if pattern is None else pattern)
    return found

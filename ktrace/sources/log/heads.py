"""The first lines of reports: which lines may be some, of which kind, where the text begins."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from ktrace.sources.log.kind import Kind

_PLAIN_MAX = 1 << 13
_COMM_MAX = 15  # TASK_COMM_LEN of include/linux/sched.h, less its end


class Head(NamedTuple):
    """start: where in the line the kernel's text begins."""

    kind: Kind
    match: re.Match[str]
    start: int


class Heads:
    """Of all kinds that there are."""

    def __init__(self, kinds: tuple[Kind, ...]) -> None:
        self.kinds = kinds
        self.markers = _fewest({marker for kind in kinds for marker in kind.markers})
        self._texts = tuple(marker.decode() for marker in self.markers)
        self._marks = [(kind, [marker.decode() for marker in kind.markers]) for kind in kinds]
        search = re.compile("|".join(map(re.escape, self._texts))).search
        # a log that is full of reports has most of its lines many times
        self.marked = lru_cache(maxsize=1 << 13)(lambda text: search(text) is not None)
        self._plain: set[str] = set()  # lines without a head
        self._of_markers = lru_cache(maxsize=1 << 10)(self._kinds_with)

    def marked_lines(self, lines: list[tuple[int, str]]) -> dict[int, list[str]]:
        """The numbers of the lines that have a marker, in order, and which they have. A log that
        is full of reports has most of its lines many times: these are looked at once."""
        plain = self._plain
        fresh = [numbered for numbered in lines if numbered[1] not in plain]
        marked = self._marked_in("\n".join([line for _, line in fresh]))
        if len(plain) > _PLAIN_MAX:
            plain.clear()
        plain.update([line for index, (_, line) in enumerate(fresh) if index not in marked])
        return {fresh[index][0]: markers for index, markers in marked.items()}

    def _marked_in(self, text: str) -> dict[int, list[str]]:
        """By number, from 0."""
        found = []
        for marker in self._texts:
            at = text.find(marker)
            while at >= 0:
                found.append((at, marker))
                at = text.find(marker, at + 1)
        lines: dict[int, list[str]] = {}
        line = before = 0
        for at, marker in sorted(found):
            line += text.count("\n", before, at)
            before = at
            lines.setdefault(line, []).append(marker)
        return lines

    def is_none(self, text: str) -> None:
        """A line that has a marker, and yet no head in it: it need not be looked at again."""
        self._plain.add(text)

    def find(self, line: str, begin: int, markers: Iterable[str] = ()) -> Head | None:
        """The head that stands in a line, from `begin` on. markers: that it has; or not known."""
        markers = markers or [marker for marker in self._texts if marker in line]
        possible = self._of_markers(frozenset(markers))
        for kind, match in _heads(line, begin, possible):
            start = match.start()
            if not kind.anchored:
                start = _after_separator(line, start, match.end("comm"))
                match = kind.head.search(line, start) or match
            return Head(kind, match, start)
        return None

    def _kinds_with(self, markers: frozenset[str]) -> list[tuple[Kind, list[str]]]:
        """Those that have no marker without one of these in it."""
        found = []
        for kind, marks in self._marks:
            likely = [mark for mark in marks if any(marker in mark for marker in markers)]
            if likely:
                found.append((kind, likely))
        return found

    def completed(self, text: str) -> tuple[Kind, re.Match[str]] | None:
        """The head of a line that has become longer."""
        for kind in self.kinds:
            if match := kind.head.match(text):
                return kind, match
        return None


def _heads(
    line: str, begin: int, likely: list[tuple[Kind, list[str]]]
) -> Iterator[tuple[Kind, re.Match[str]]]:
    """Most heads stand where the text begins; others behind what is no usual prefix."""
    for kind, marks in likely:
        if any(mark in line for mark in marks) and (match := kind.head.match(line, begin)):
            yield kind, match
    for kind, marks in likely:
        if any(mark in line for mark in marks) and (match := kind.head.search(line, begin)):
            yield kind, match


def _fewest(markers: set[bytes]) -> tuple[bytes, ...]:
    """Without those that have another one in them: each costs time."""
    return tuple(sorted(one for one in markers if not any(o != one and o in one for o in markers)))


def _after_separator(line: str, start: int, end: int) -> int:
    """Where a task's name begins before `end`, behind a prefix of no known form."""
    start = max(start, line.rfind("]", start, end) + 1)
    if end - start > _COMM_MAX:
        after = line.rfind(": ", start, end)
        start = start if after < 0 else after + 2
    name = line[start:end]
    return start + len(name) - len(name.lstrip())

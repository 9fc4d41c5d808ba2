"""Finds the reports of a log that are alike, in what has been read of it.

What is alike is learnt from reports that were read line by line, once one has come three times: a
log that has no such reports pays little for it.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from ktrace.sources.log.alike import Alike
from ktrace.sources.log.heads import Heads
from ktrace.sources.log.mention import may_be_mention
from ktrace.sources.log.prefix import Prefix
from ktrace.sources.log.records import has_records
from ktrace.sources.log.shape import Found, read_alone
from ktrace.sources.log.text import Decoder

_KEPT = 24  # shapes: each has up to 100 KiB
_OUTLINES = 1024
_SEEN = 3  # times, before one is learnt
_TRIES = 64  # to learn one; more where it has been worth it
_WORTH = 64  # reports that are alike, for another try
_FUNCTION = re.compile(r"[\w.]+(?=\+0x)")


class Rest(NamedTuple):
    """Lines that are to be read one by one. whole: they are a report, as another one follows."""

    end: int
    whole: bool


class Repeats:
    """Of one log."""

    def __init__(
        self, kinds: dict[str, type[Alike]], heads: Heads, is_free: Callable[[Alike], bool]
    ) -> None:
        """is_free: nothing that is being read would go on behind such a report's first line."""
        self._heads = heads
        self._kinds = kinds
        self._markers = [kind.marker for kind in kinds.values()]
        self._is_free = is_free
        self._known: list[Alike] = []  # the one that was found last is first
        self._outlines: dict[str, int] = {}
        self._tries = 0
        self.found = 0
        self.going_on = False  # the newest lines were such a report's

    def begin(self, text: str) -> None:
        """Whole lines, in which it looks from now on."""
        self._text = text
        self._next = _Heads(text, self._markers)

    def find(self, at: int, prefix: Prefix) -> tuple[Alike, Found] | None:
        """The report that begins there, if it is one of those that are known."""
        text, pattern = self._text, prefix.pattern
        for index, alike in enumerate(self._known):
            shape = alike.shape
            if shape.prefix != pattern or text.find(shape.sign, at, at + shape.sign_within) < 0:
                continue
            found = shape.find(text, at)
            if found is not None:
                if index:
                    self._known.insert(0, self._known.pop(index))
                return alike, found
        return None

    def accepts(self, alike: Alike, found: Found) -> bool:
        """Whether it tells what it would line by line. All lines before it have been read."""
        accepted = self._is_free(alike) and alike.is_sure(found)
        self.found += accepted
        self.going_on = accepted
        return accepted

    def rest(self, at: int) -> Rest | None:
        """The lines from there to where another report may begin. None: they may be the beginning
        of one that goes on behind the text."""
        is_head = self._next.at_or_after(at) == at
        self.going_on &= is_head
        behind = self._text.find("\n", at) + 1 or len(self._text)
        end = self._next.at_or_after(behind)
        if self.going_on and end == len(self._text) and at:
            return None
        return Rest(end, is_head and end < len(self._text))

    def learn(self, at: int, end: int, prefix: Prefix) -> None:
        """From a report that was read line by line."""
        report = self._text[at:end]
        if not prefix.substantial or not self._is_often(report):
            return
        self._tries += 1
        read = read_alone(report, prefix, self._heads)
        data = report.encode()
        if read is None or read.kind.name not in self._kinds or may_be_mention(read.parts[0][0]):
            return
        if has_records(data) or Decoder().text(data) != (report, None):
            return
        try:
            alike = self._kinds[read.kind.name](read, prefix, self._heads)
        except (re.error, KeyError):
            return
        found = alike.shape.find(self._text, at)
        if found is not None and alike.is_sure(found):
            alike.shape.set_apart([each.shape for each in self._known])
            self._known = [alike, *self._known[: _KEPT - 1]]

    def _is_often(self, report: str) -> bool:
        """Whether one like it came before, so that it is worth learning."""
        if self._tries > _TRIES + self.found // _WORTH:
            return False
        outline = " ".join(_FUNCTION.findall(report))
        times = self._outlines.get(outline, 0) + 1
        if len(self._outlines) > _OUTLINES:
            self._outlines.clear()
        self._outlines[outline] = times
        return times >= _SEEN


class _Heads:
    """Where in a text lines begin that have one of some markers."""

    def __init__(self, text: str, markers: list[str]) -> None:
        self._text = text
        self._next = dict.fromkeys(markers, -1)

    def at_or_after(self, at: int) -> int:
        """at: the beginning of a line, or the text's end, which is returned where there is none."""
        for marker, known in self._next.items():
            if known < at:
                found = self._text.find(marker, at)
                self._next[marker] = len(self._text) if found < 0 else found
        nearest = min(self._next.values())
        if nearest == len(self._text):
            return nearest
        return self._text.rfind("\n", 0, nearest) + 1

"""Reports that are alike: what they tell is what the first one told, but for some values.

A log that is full of reports repeats a few of them thousands of times, with other numbers. Read
line by line it comes at 28 MB/s; with one pattern for a whole report, and an event made of the
values in it, several times as fast. It is no second parser: a pattern comes from a report that was
read line by line, and matches such that differ from it in places of known meaning alone (shape.py);
the event is the first one's, with these values in it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import fields
from functools import partial
from typing import Any, ClassVar

from ktrace.events import Event
from ktrace.sources.log.form import LineForm
from ktrace.sources.log.heads import Heads
from ktrace.sources.log.prefix import Prefix
from ktrace.sources.log.shape import Found, Read, Shape, patterns_of, read_alone

_NAMES = 4096  # of tasks, that are known to make no difference


def made_like(event: Event, *values: str) -> Any:
    """Makes events like this one, of other values of these members."""
    kept = {field.name: getattr(event, field.name) for field in fields(event)}
    for name in values:
        del kept[name]
    return partial(type(event), **kept)


class Alike(ABC):
    """Those of one kind and one shape."""

    marker: ClassVar[str]  # in the first line of each
    forms: ClassVar[tuple[LineForm, ...]]
    next_head: ClassVar[str] = ""  # a pattern of the first line of another, which ends a report

    def __init__(self, read: Read, prefix: Prefix, heads: Heads) -> None:
        """Raises re.error where there is no pattern for it, KeyError where a value is missing, or
        its last line: another one may have more lines, which nothing tells."""
        if not read.ended and not self.next_head:
            raise KeyError("last line")
        self.kind = read.kind
        self.kernel = read.report.kernel
        texts = [text for _, text in read.parts]
        self.shape = Shape(read, prefix, patterns_of(texts, self.forms), self.next_head)
        self._prefix = prefix
        self._heads = heads
        self._names: set[str] = set()
        self._count = 0

    @abstractmethod
    def event(self, found: Found, t: float, boot: str, lines: tuple[int, int]) -> Event:
        """What a report tells."""

    @abstractmethod
    def names(self, found: Found) -> Iterable[str]:
        """Of tasks: what may have anything in it."""

    def fits(self, found: Found) -> bool:
        """Whether the values agree with one another as those of the first report do."""
        return True

    def is_sure(self, found: Found) -> bool:
        """Whether the report tells what it would line by line. It is read so, too, where it has a
        name that none has had, and a few times more: then both have to say the same."""
        if not self.fits(found):
            return False
        self._count += 1
        names = self.names(found)
        if self._names.issuperset(names) and self._count > 3 and self._count % 997:
            return True
        if not self._is_same(found):
            return False
        if len(self._names) > _NAMES:
            self._names.clear()
        self._names.update(names)
        return True

    def _is_same(self, found: Found) -> bool:
        read = self.reread(found)
        if read is None or (read.ended and len(read.parts) != found.lines):
            return False
        return [*read.report.events("")] == [self.event(found, 0.0, "", (1, found.own))]

    def reread(self, found: Found) -> Read | None:
        """Line by line."""
        return read_alone(found.report, self._prefix, self._heads)

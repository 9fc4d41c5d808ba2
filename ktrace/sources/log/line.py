"""One line of a kernel log, with what stood around it taken off."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from ktrace.sources.log.whole import Whole

if TYPE_CHECKING:
    from ktrace.sources.log.alike import Alike
    from ktrace.sources.log.shape import Found


class LogLine:
    """text: the kernel's own. t: the kernel's time stamp, seconds; where the log has none, its
    wall-clock time, seconds since the first one in the log; None where it has neither.

    Most lines have no more than a number and a text: no dataclass, whose members all cost time.
    """

    last: int  # number of its last line
    spread = 1  # lines that it has with the other fields of its record
    t: float | None = None
    stamped = False  # t is the kernel's
    boot = ""  # id, from a journal
    caller = ""  # "T123": by which task it was printed
    head: tuple[Any, re.Match[str]] | None = None  # the kind of report that begins, and its words
    mentioned = False  # the head stands behind "Subject:" and the like: it is no report
    prefixed = False
    whole: Whole | None = None  # text is all of it
    repeat: "tuple[Alike, Found] | None" = None  # a whole report, without a text

    def __init__(self, number: int, text: str) -> None:
        """number: from 1; of a line that was wrapped, its first."""
        self.number = self.last = number
        self.text = text

    @classmethod
    def of_whole(cls, number: int, whole: Whole) -> Self:
        """All lines of it as one."""
        line = cls(number, whole.text)
        line.last = number + whole.length - 1
        line.whole = whole
        return line

    def apart(self) -> Iterator["LogLine"]:
        """The lines of what is whole."""
        assert self.whole
        for number, text in enumerate(self.whole.lines, self.number):
            yield LogLine(number, text)


def seconds(line: LogLine) -> float:
    """The event's t: 0.0 where the log has no time at all."""
    return line.t if line.t is not None else 0.0

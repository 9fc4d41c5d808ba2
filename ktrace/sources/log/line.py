"""One line of a kernel log, with what stood around it taken off."""

import re
from typing import Any


class LogLine:
    """text: the kernel's own. t: the kernel's time stamp, seconds; where the log has none, its
    wall-clock time, seconds since the first one in the log; None where it has neither.

    Most lines have no more than a number and a text: no dataclass, whose members all cost time.
    """

    last: int  # number of its last line
    t: float | None = None
    stamped = False  # t is the kernel's
    boot = ""  # id, from a journal
    caller = ""  # "T123": by which task it was printed
    head: tuple[Any, re.Match[str]] | None = None  # the kind of report that begins, and its words
    mentioned = False  # the head stands behind "Subject:" and the like: it is no report
    prefixed = False

    def __init__(self, number: int, text: str) -> None:
        """number: from 1; of a line that was wrapped, its first."""
        self.number = self.last = number
        self.text = text


def seconds(line: LogLine) -> float:
    """The event's t: 0.0 where the log has no time at all."""
    return line.t if line.t is not None else 0.0

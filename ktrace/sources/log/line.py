"""One line of a kernel log, with what stood around it taken off."""

import re
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class LogLine:
    """text: the kernel's own. t: the kernel's time stamp, seconds; where the log has none, its
    wall-clock time, seconds since the first one in the log; None where it has neither."""

    number: int  # from 1; of a line that was wrapped, its first
    text: str
    last: int = 0  # number of its last line
    t: float | None = None
    stamped: bool = False  # t is the kernel's
    boot: str = ""  # id, from a journal
    caller: str = ""  # "T123": by which task it was printed
    head: tuple[Any, re.Match[str]] | None = None  # the kind of report that begins, and its words
    mentioned: bool = False  # the head stands behind "Subject:" and the like: it is no report
    prefixed: bool = False


def seconds(line: LogLine) -> float:
    """The event's t: 0.0 where the log has no time at all."""
    return line.t if line.t is not None else 0.0

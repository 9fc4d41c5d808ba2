"""A kind of report: how its first line looks, and what reads the rest."""

import re
from collections.abc import Callable

from ktrace.record import record
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.report import Report


@record
class Kind:
    """head finds the first line of a report in a line whose prefix may not be known: it begins
    where the kernel's text begins. Each such line has one of the markers in it."""

    name: str
    markers: tuple[bytes, ...]
    head: re.Pattern[str]
    report: Callable[[LogLine, re.Match[str]], Report] | None  # None: it only parts reports
    anchored: bool = True  # False: a task's name is first, so nobody sees where the text begins
    alone: bool = False  # a CPU prints one at a time: a new one ends the one before
    inside: tuple[str, ...] = ()  # until a report of these kinds is complete, the line is its own
    after: tuple[str, ...] = ()  # and of these as well soon after they are

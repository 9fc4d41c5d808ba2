"""How far the reading of a long file is, on a terminal's stderr."""

import os
import sys
import time
from typing import Self

from ktrace.views.output import status

_AFTER_S = 0.5  # a file that is read sooner needs no bar
_EVERY_S = 0.1
_WIDTH = 30


class Progress:
    """Shows nothing where stderr is no terminal."""

    def __init__(self, total: int) -> None:
        """total: bytes; 0: not known."""
        self._total = total
        self._shows = sys.stderr.isatty()
        self._started = time.monotonic()
        self._next = self._started + _AFTER_S

    @classmethod
    def of_file(cls, path: str) -> Self:
        """Of reading it from its beginning to its end."""
        return cls(os.path.getsize(path) if os.path.isfile(path) else 0)

    def update(self, done: int) -> None:
        """done: bytes so far."""
        if not self._shows or time.monotonic() < self._next:
            return
        now = time.monotonic()
        self._next = now + _EVERY_S
        status(f"{bar(done, self._total)}{speed(done, self._total, now - self._started)}")

    def close(self) -> None:
        """At the end, or once it is no more of interest how far it is."""
        self._shows = False
        status("")


def bar(done: int, total: int) -> str:
    """ "[######----]  60 %  600 of 1000 MB"."""
    read = f"{done / 1e6:.0f}"
    if not total:
        return f"{read} MB"
    share = min(1.0, done / total)
    full = int(share * _WIDTH)
    return f"[{'#' * full}{'-' * (_WIDTH - full)}] {share:4.0%}  {read} of {total / 1e6:.0f} MB"


def speed(done: int, total: int, seconds: float) -> str:
    """ ", 12.5 MB/s, 32 s left", where both are known."""
    if not done or seconds <= 0:
        return ""
    left = f", {(total - done) * seconds / done:.0f} s left" if total > done else ""
    return f", {done / seconds / 1e6:.1f} MB/s{left}"

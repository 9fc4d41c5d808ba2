"""How far the reading of a long file is, on a terminal's stderr."""

import sys
import time

_AFTER_S = 0.5  # a file that is read sooner needs no bar
_EVERY_S = 0.1
_WIDTH = 30


class Progress:
    """Shows nothing where stderr is no terminal."""

    def __init__(self, total: int) -> None:
        """total: bytes; 0: not known."""
        self._total = total
        self._shows = sys.stderr.isatty()
        self._next = time.monotonic() + _AFTER_S
        self._drawn = False

    def update(self, done: int) -> None:
        """done: bytes so far."""
        if not self._shows or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY_S
        self._drawn = True
        sys.stderr.write(f"\r{bar(done, self._total)}")
        sys.stderr.flush()

    def clear(self) -> None:
        """Before anything else is printed, and at the end."""
        if self._drawn:
            self._drawn = False
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def bar(done: int, total: int) -> str:
    """ "[######----]  60 %  600 of 1000 MB"."""
    read = f"{done / 1e6:.0f}"
    if not total:
        return f"{read} MB"
    share = min(1.0, done / total)
    full = int(share * _WIDTH)
    return f"[{'#' * full}{'-' * (_WIDTH - full)}] {share:4.0%}  {read} of {total / 1e6:.0f} MB"

"""How well ktrace itself fared while it traced: was it held up as others were?

Much work at once, as a look at all processes on a slow machine, must hold nothing up either: what
is known by then is shown and handed over in between.
"""

import time
from collections.abc import Callable

from ktrace.findings import OwnPace

_MAJFLT = 12 - 3  # field 12 of /proc/PID/stat, of those from the third, the state, on (proc(5))


_LONG_S = 0.25  # without showing and handing over, of work that is not done yet


class Pace:
    """Call beat() whenever all that is known has been shown and handed over."""

    def __init__(self) -> None:
        self._catch_up: Callable[[], None] | None = None
        self.begin(None)

    def begin(self, catch_up: Callable[[], None] | None) -> None:
        """From now on. catch_up: shows and hands over, and calls beat()."""
        self._catch_up = catch_up
        self._faults = _major_faults()
        self._beat = time.monotonic()
        self._longest_s = 0.0

    def end(self) -> None:
        """There will be nobody to catch up."""
        self._catch_up = None

    def breathe(self) -> None:
        """Call it in the middle of work that may be long, and where nothing is half done."""
        if self._catch_up and time.monotonic() - self._beat > _LONG_S:
            self._catch_up()

    def beat(self) -> None:
        now = time.monotonic()
        self._longest_s = max(self._longest_s, now - self._beat)
        self._beat = now

    def facts(self) -> OwnPace:
        now, before = _major_faults(), self._faults
        faults = None if now is None or before is None else now - before
        return OwnPace(major_faults=faults, longest_pause_s=round(self._longest_s, 3))


def _major_faults() -> int | None:
    """Of this process so far: pages that it had to wait for, since a disk had them."""
    try:
        with open("/proc/self/stat", "rb") as file:
            return int(file.read().rpartition(b") ")[2].split()[_MAJFLT])
    except (OSError, ValueError, IndexError):
        return None

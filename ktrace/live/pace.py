"""How well ktrace itself fared while it traced: was it held up as others were?"""

import time

from ktrace.findings import OwnPace

_MAJFLT = 12 - 3  # field 12 of /proc/PID/stat, of those from the third, the state, on (proc(5))


class Pace:
    """From now on. Call beat() whenever all that is known has been shown and handed over."""

    def __init__(self) -> None:
        self._faults = _major_faults()
        self._beat = time.monotonic()
        self._longest_s = 0.0

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

"""What time it is on the board."""

import time


class BoardClock:
    """Its CLOCK_BOOTTIME, in seconds: the event that came with the least delay tells it best."""

    def __init__(self, recorded: bool) -> None:
        """recorded: it goes no further than what was heard."""
        self.heard_t = 0.0  # the latest
        self._recorded = recorded
        self._ahead_s: float | None = None  # of this machine's time

    def hear(self, t: float) -> None:
        """Something happened at that time, at the latest now."""
        ahead = t - time.monotonic()
        self._ahead_s = ahead if self._ahead_s is None else max(ahead, self._ahead_s)
        self.heard_t = max(self.heard_t, t)

    def now(self) -> float:
        if self._recorded or self._ahead_s is None:
            return self.heard_t
        return round(max(self.heard_t, time.monotonic() + self._ahead_s), 6)

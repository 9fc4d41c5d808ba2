"""What keys do with the time of a replay: stop, back, forward, faster, to the next finding."""

import math

_STEP_S = 10.0  # of the trace
_FASTEST, _SLOWEST = 1024.0, 1 / 64


class ReplayPlayer:
    """Of one session; the loop that replays it asks what to do next."""

    def __init__(self, start_t: float, speed: float) -> None:
        self.speed = speed
        self.paused = False
        self.at_end = False
        self.touched = False  # a key was pressed: somebody is there
        self.back_to: float | None = None  # the loop has to begin anew, and to skip until then
        self._start_t = start_t
        self._now = start_t
        self._skip_until = -math.inf
        self._to_finding = False

    def press(self, key: str) -> bool:
        """False where the key is none of its own."""
        self.touched = True
        if key == "space":
            self.paused = not self.paused
        elif key in ("+", "="):
            self.speed = min(_FASTEST, self.speed * 2)
        elif key == "-":
            self.speed = max(_SLOWEST, self.speed / 2)
        elif key == "right":
            self._skip_until = self._now + _STEP_S
        elif key == "left":
            self.back_to = max(self._start_t, self._now - _STEP_S)
        elif key == "n":
            self._to_finding = True
        else:
            return False
        return True

    def status(self) -> str:
        """ "2x", "paused"."""
        if self.at_end:
            return "end"
        return "paused" if self.paused else f"{self.speed:g}x"

    def goes_on(self, now: float) -> None:
        """The replay is there."""
        self._now = now

    def skips(self, t: float) -> bool:
        """Is what happens at t not waited for?"""
        return self._to_finding or t <= self._skip_until

    def found(self) -> None:
        """A new finding came: the one that somebody wanted to see?"""
        if self._to_finding:
            self._to_finding, self.paused = False, True

    def rewound(self) -> None:
        """The loop has begun anew."""
        if self.back_to is not None:
            self._skip_until, self.back_to = self.back_to, None
        if self.at_end:
            self.at_end = self.paused = False
        self._to_finding = False

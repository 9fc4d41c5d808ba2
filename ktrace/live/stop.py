"""Why and when a live run ends."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TWICE_S = 0.5  # a shell and the terminal's process group may deliver one signal twice


class Stop:
    """why is "" while the run goes on."""

    def __init__(self) -> None:
        self.why = ""
        self._deadline: float | None = None
        self._first: dict[int, float] = {}
        self._at_abort: list[Callable[[], object]] = []

    def listen(self) -> None:
        """The first signal ends the run in order, the same again later at once. What is ignored
        (nohup) stays so."""
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._signalled)

    def after(self, seconds: float | None) -> None:
        """Let the run last so long at most."""
        if seconds is not None:
            self._deadline = time.monotonic() + seconds

    def at_abort(self, call: Callable[[], object]) -> None:
        """What a second signal still does."""
        self._at_abort.append(call)

    def left_s(self, at_most: float) -> float:
        """Until the run has lasted long enough."""
        if self._deadline is None:
            return at_most
        return min(at_most, max(0.0, self._deadline - time.monotonic()))

    def now(self) -> bool:
        """Is it time?"""
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self.why = self.why or "the time is over"
        return bool(self.why)

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        self.why = self.why or signal.Signals(number).name
        if now - self._first.setdefault(number, now) <= _TWICE_S:
            return
        signal.signal(number, signal.SIG_DFL)
        for call in self._at_abort:
            with suppress(Exception):
                call()
        os.kill(os.getpid(), number)

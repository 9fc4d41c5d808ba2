"""Ctrl-Z, and going on: the terminal is the shell's meanwhile."""

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any


class JobControl:
    """Handlers only note that a signal came; poll() acts, between two drawings."""

    def __init__(self, give_back: Callable[[], None], take: Callable[[], None]) -> None:
        """give_back: the terminal to the shell; take: again."""
        self._give_back = give_back
        self._take = take
        self._stop = self._continued = False
        self._before: dict[int, Any] = {}

    def listen(self) -> None:
        for number in (signal.SIGTSTP, signal.SIGCONT):
            if signal.getsignal(number) == signal.SIG_DFL:  # what is ignored stays so
                self._before[number] = signal.signal(number, self._came)

    def leave(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def poll(self) -> bool:
        """True: the terminal was somebody else's since the last call."""
        stopped = self._stop
        if stopped:
            self._stop = False
            self._give_back()
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTSTP)  # returns when it is continued
            signal.signal(signal.SIGTSTP, self._came)
        if not stopped and not self._continued:
            return False
        self._continued = False
        self._give_back()
        self._take()
        return True

    def _came(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGTSTP:
            self._stop = True
        else:
            self._continued = True

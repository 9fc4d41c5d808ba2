"""The keys of the terminal: taken without echo and line by line no more, and given back.

Not by a library: curses and prompt_toolkit want the screen as well, which rich draws; textual costs
22 MiB and two threads more, on a machine that may be out of memory. What is needed is here.
"""

import os
import sys
import termios
from contextlib import suppress
from typing import Any

from ktrace.views.key_names import names

_SERIAL = ("vt100", "vt102", "vt220", "dumb", "unknown")  # what getty sets on serial lines
_INPUT_FLAGS, _LOCAL_FLAGS, _CHARACTERS = 0, 3, 6  # of tcgetattr()
_READ_BYTES = 1024


class Keys:
    """Reads never wait. Ctrl-C and Ctrl-Z stay signals; Ctrl-S does not stop the screen, on which
    tracing would wait."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._before: list[Any] | None = None

    def take(self) -> None:
        """Raises OSError or termios.error where the terminal has gone away."""
        if self._before is not None:
            return
        before = termios.tcgetattr(self.fd)
        taken = termios.tcgetattr(self.fd)
        taken[_LOCAL_FLAGS] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        taken[_INPUT_FLAGS] &= ~termios.IXON
        taken[_CHARACTERS][termios.VMIN] = 0
        taken[_CHARACTERS][termios.VTIME] = 0
        termios.tcsetattr(self.fd, termios.TCSADRAIN, taken)
        self._before = before

    def give_back(self) -> None:
        """As it was; what was typed and not read is thrown away, so that no shell gets it."""
        before, self._before = self._before, None
        if before is not None:
            with suppress(OSError, termios.error):
                termios.tcsetattr(self.fd, termios.TCSAFLUSH, before)

    def read(self) -> list[str]:
        """Names of the keys that were pressed since."""
        if self._before is None:
            return []
        try:
            return names(os.read(self.fd, _READ_BYTES).decode(errors="ignore"))
        except OSError:
            return []


def keys_of_terminal() -> Keys | None:
    """None where nobody can press any: stdin is no terminal, a serial console, the background."""
    if os.environ.get("TERM", "dumb") in _SERIAL:
        return None
    try:
        fd = sys.stdin.fileno()
        if not os.isatty(fd):
            return None
        termios.tcgetattr(fd)
    except (OSError, ValueError, AttributeError, termios.error):
        return None
    return Keys(fd) if _in_foreground(fd) else None


def _in_foreground(fd: int) -> bool:
    """In the background, changing the terminal would stop the process."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:  # it is no controlling terminal: nobody else's, either
        return True

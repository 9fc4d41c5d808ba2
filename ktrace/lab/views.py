"""What the user sees of a run: its steps, and what ktrace prints in the guest."""

import os
import sys
import termios
import threading
import time
from typing import Any, BinaryIO, NamedTuple, Protocol

STATUS_ROWS = 1
LOCAL_FLAGS = 3  # of the attributes that termios.tcgetattr() gives


class Size(NamedTuple):
    """The size of a terminal, in character cells."""

    rows: int
    columns: int


class View(Protocol):
    """Where steps and the guest's output go. Called from two threads."""

    def step(self, name: str) -> None:
        """A step of the scenario begins."""

    def output(self, data: bytes) -> None:
        """ktrace has printed something in the guest."""

    def idle(self) -> None:
        """ktrace has printed nothing for a moment."""

    def close(self) -> None:
        """The run is over."""


class LineView:
    """Plain lines, for logs and for everything that is no terminal."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._partial = b""

    def step(self, name: str) -> None:
        elapsed = time.monotonic() - self._started
        self._write(f"{elapsed:6.1f} s  {name}\n".encode())

    def output(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._write(b"          | " + line.rstrip(b"\r") + b"\n")

    def idle(self) -> None:
        pass

    def close(self) -> None:
        if self._partial:
            self.output(b"\n")

    def _write(self, data: bytes) -> None:
        with self._lock:
            self._stream.write(data)
            self._stream.flush()


class ScreenView:
    """The guest's screen on the user's terminal, with the lab's step in the row below it.

    Before ktrace has drawn anything the steps are plain lines. The row below is written only
    while the guest is silent, so that it never lands inside an escape sequence of the guest.
    """

    def __init__(self, stream: BinaryIO, size: Size) -> None:
        self._stream = stream
        self._size = size
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._step = ""
        self._drawing = False
        self._stale = False
        self._echo: list[Any] | None = None

    @property
    def guest_size(self) -> Size:
        """What is left of the terminal for the guest."""
        return Size(self._size.rows - STATUS_ROWS, self._size.columns)

    def step(self, name: str) -> None:
        with self._lock:
            self._step = name
            self._stale = True
            if not self._drawing:
                self._write(f"{self._elapsed():6.1f} s  {name}\r\n".encode())

    def output(self, data: bytes) -> None:
        with self._lock:
            if not self._drawing:
                self._begin()
            self._write(data)
            self._stale = True

    def idle(self) -> None:
        with self._lock:
            if self._drawing and self._stale:
                self._write(self._status())
                self._stale = False

    def close(self) -> None:
        with self._lock:
            if self._drawing:
                self._end()

    def _begin(self) -> None:
        self._drawing = True
        self._echo = _switch_echo_off()
        # A scrolling region of all rows but the last keeps the guest out of that one.
        self._write(f"\x1b[2J\x1b[1;{self.guest_size.rows}r\x1b[H".encode())

    def _end(self) -> None:
        self._drawing = False
        if self._echo is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._echo)
        # The guest may have died on its alternate screen, with the cursor hidden.
        # Back to where its last line ended, once the row below it is empty.
        restore = f"\x1b[?1049l\x1b[?25h\x1b[0m\x1b7\x1b[r\x1b[{self._size.rows};1H\x1b[K\x1b8"
        self._write(restore.encode())

    def _status(self) -> bytes:
        text = f" ktrace lab  {self._elapsed():.0f} s  {self._step}"[: self._size.columns]
        line = text.ljust(self._size.columns)
        return f"\x1b7\x1b[{self._size.rows};1H\x1b[0;7m{line}\x1b[0m\x1b8".encode()

    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self._stream.flush()


def _switch_echo_off() -> list[Any] | None:
    """Keep what the user types off the screen; the terminal's old attributes."""
    if not sys.stdin.isatty():
        return None
    old = termios.tcgetattr(sys.stdin)
    new = termios.tcgetattr(sys.stdin)
    new[LOCAL_FLAGS] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, new)
    return old


def terminal_size(stream: BinaryIO) -> Size:
    """The size of the terminal behind `stream`."""
    size = os.get_terminal_size(stream.fileno())
    return Size(size.lines, size.columns)

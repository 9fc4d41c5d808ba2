"""A pseudo terminal with a program on it: keys go in, the screen is read."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.tracer import KTRACE, LIMIT_S

_BEGUN = re.compile(r"\x1b(\[[?0-9;]*)?$")  # a sequence whose end comes with the next read
_SEQUENCE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n])|\x1b.", re.DOTALL)


class Screen:
    """As much of a terminal as ktrace needs: what stands in its lines."""

    def __init__(self, rows: int, columns: int) -> None:
        self._columns = columns
        self.lines = [""] * rows
        self._row = self._column = 0
        self._begun = ""

    def feed(self, text: str) -> None:
        text = self._begun + text
        begun = _BEGUN.search(text)
        self._begun = begun[0] if begun else ""
        text = text.removesuffix(self._begun)
        for match in _SEQUENCE.finditer(text):
            numbers, command, control, character = match.groups()
            if command:
                self._obey(command, numbers)
            elif control:
                self._column = 0
                self._row = min(self._row + (control == "\n"), len(self.lines) - 1)
            elif character:
                self._put(character)

    def _obey(self, command: str, numbers: str) -> None:
        if command == "H":
            row, _, column = numbers.partition(";")
            self._row, self._column = int(row or 1) - 1, int(column or 1) - 1
        elif command == "K":
            self.lines[self._row] = self.lines[self._row][: self._column]
        elif command == "J":
            first = 0 if numbers == "2" else self._row
            self.lines[first:] = [""] * (len(self.lines) - first)

    def _put(self, character: str) -> None:
        line = self.lines[self._row].ljust(self._column)
        self.lines[self._row] = line[: self._column] + character + line[self._column + 1 :]
        self._column = min(self._column + 1, self._columns)


class Terminal:
    """ktrace on a terminal, as its session's leader."""

    def __init__(
        self, *arguments: str, rows: int = 24, columns: int = 80, term: str = "xterm-256color"
    ) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [*KTRACE, *arguments],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=os.environ | {"TERM": term},
            start_new_session=True,
        )
        self.shown = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.screen = Screen(rows, columns)

    def press(self, *keys: str) -> None:
        """As a terminal sends them."""
        os.write(self.master, "".join(keys).encode())

    def wait_for(self, text: bytes) -> None:
        """Until it was written, some time."""
        self._wait(lambda: text in self.shown)

    def see(self, text: str, gone: str = "") -> None:
        """Until it stands on the screen, and the other text does not."""

        def seen() -> bool:
            whole = "\n".join(self.screen.lines)
            return text in whole and not (gone and gone in whole)

        self._wait(seen)

    def drain(self) -> None:
        """Read until the process has ended."""
        while self.process.poll() is None or self._read(0.1):
            self._read(0.1)

    @property
    def is_as_before(self) -> bool:
        """Has the terminal got its attributes back, and is nothing left that was typed?"""
        waiting = struct.unpack("i", fcntl.ioctl(self.slave, termios.FIONREAD, b"\0" * 4))[0]
        return termios.tcgetattr(self.slave) == self.before and waiting == 0

    def hang_up(self) -> None:
        """As when its window is closed."""
        os.close(self.slave)
        os.close(self.master)

    def _wait(self, condition: Any) -> None:
        end = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < end, "\n".join(self.screen.lines)
            self._read(0.1)

    def _read(self, timeout_s: float) -> bool:
        if not select.select([self.master], [], [], timeout_s)[0]:
            return False
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:  # EIO: nobody has the other side open
            return False
        self.shown += data
        self.screen.feed(self._decoder.decode(data))
        return bool(data)


@contextmanager
def terminal(*arguments: str, **options: Any) -> Iterator[Terminal]:
    running = Terminal(*arguments, **options)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait(LIMIT_S)
        running.hang_up()

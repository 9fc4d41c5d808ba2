"""Several files as one log, in the order of their time, and pstore's parts put together."""

import re
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from ktrace.sources.log import pstore
from ktrace.sources.log.boots import BETWEEN
from ktrace.sources.log.input import open_log
from ktrace.trace.damage import Damage

_START = 256  # bytes that show whether it is a part of pstore's
_ROTATED = re.compile(r"(?P<name>.+?)\.(?P<number>\d{1,3})(?P<packed>\.(?:gz|xz|zst))?$")


class LogFiles:
    """Read them one after the other. Raises OSError where one cannot be opened or read."""

    def __init__(self, paths: Sequence[str], damage: Damage) -> None:
        self._damage = damage
        self._paths = oldest_first(paths)
        self._open: Any = None
        self._pending = b""
        self._newline = True  # what has been read ends with one
        self._lines = 0  # that have been read
        self.first_lines: dict[str, int] = {}  # of each file, the number of its first
        self.ordered = False  # pstore's parts were put in order

    def read(self, size: int, /) -> bytes:
        while not self._pending:
            block = self._block(size)
            if block is None:
                return b""
            self._pending = block
        block, self._pending = self._pending[:size], self._pending[size:]
        self._newline = block.endswith(b"\n")
        self._lines += block.count(b"\n")
        return block

    def close(self) -> None:
        if self._open is not None:
            self._open.close()

    def _block(self, size: int) -> bytes | None:
        """The next bytes; None: that was all."""
        if self._open is not None:
            if block := self._open.read(size):
                return bytes(block)
            self.close()
            self._open = None
        if not self._paths:
            return None
        return self._next()

    def _next(self) -> bytes:
        """The beginning of the next file, or all of those next that are pstore's."""
        before = b""
        if self.first_lines:
            before = (b"" if self._newline else b"\n") + BETWEEN
        path = self._paths.pop(0)
        self.first_lines[path] = self._lines + before.count(b"\n") + 1
        self._open = open_log(path, self._damage)
        start = _whole(self._open, _START)
        if not pstore.is_part(start):
            return before + start
        self.ordered = True
        parts = pstore.parts_of(start + _whole(self._open, pstore.MAX))
        while self._paths and (more := self._parts_in(self._paths[0])):
            self.first_lines[self._paths.pop(0)] = self.first_lines[path]
            parts += more
        return before + pstore.in_order(parts)

    def _parts_in(self, path: str) -> list[pstore.Part]:
        """Those in another file; [] where it has none."""
        with closing(open_log(path, self._damage)) as file:
            start = _whole(file, _START)
            return (
                pstore.parts_of(start + _whole(file, pstore.MAX)) if pstore.is_part(start) else []
            )


def oldest_first(paths: Sequence[str]) -> list[str]:
    """As they are given, but for logs that were rotated: kern.log.2.gz, kern.log.1, kern.log."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for path in paths:
        match = _ROTATED.match(path)
        name, number = (match["name"], int(match["number"])) if match else (path, 0)
        groups.setdefault(name, []).append((number, path))
    ordered = []
    for name, group in groups.items():
        rotated = len(group) > 1 and name in paths
        group = sorted(group, key=lambda entry: -entry[0]) if rotated else group
        ordered += [path for _, path in group]
    return ordered


def is_single(path: str) -> bool:
    """A file that needs nothing of this: its bytes are its log's. Raises OSError."""
    if path == "-":
        return False
    with open(path, "rb") as file:
        return not pstore.is_part(file.read(_START))


def _whole(stream: Any, size: int) -> bytes:
    """Up to size bytes."""
    found = b""
    while len(found) < size and (block := stream.read(size - len(found))):
        found += block
    return found

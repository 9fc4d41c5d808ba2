"""Bytes of a kernel log, fast: long stretches that hold nothing of interest are not split."""

import codecs
import errno
import gzip
import os
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Protocol

BLOCK = 1 << 20
LINE_MAX = 16 << 10  # a longer line (a binary file) is cut into pieces
# What is read too before a marker: `dmesg --json` has the time there
_LINES_BEFORE = 2
_BEFORE = 300  # bytes

# One of these is in the first line of every report, or tells a new boot
MARKERS = (
    b"Bad page state",
    b"invoked oom-killer",
    b"ut of memory",
    b"oom-kill:",
    b"Killed process",
    b" blocked for more than ",
    b"Linux version ",
    b"-- Reboot --",
    b"-- Boot ",
)


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class LogInput:
    """Lines of a log that are worth a look; the rest is skipped, never kept."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._buffer = b""
        self._at = 0  # in the buffer
        self._marker = -1  # in the buffer: lines are read up to the one that it is in
        self._before = 0  # bytes of the log before the buffer
        self._ended = False
        self.done = 0  # bytes that have been looked at

    def lines(self, wanted: Callable[[], bool]) -> Iterator[tuple[int, bytes]]:
        """Position and line without its end. When wanted() is False, goes on at the next marker."""
        while True:
            if not wanted() and self._at > self._marker and not self._skip():
                return
            line = self._line()
            if line is None:
                return
            yield line

    def _skip(self) -> bool:
        """To the line before the next one with a marker; False: there is none."""
        while True:
            found = [at for marker in MARKERS if (at := self._buffer.find(marker, self._at)) >= 0]
            if found:
                self._marker = min(found)
                self._at = self._line_start(self._marker)
                return True
            if self._ended:
                return False
            self._read(keep=max(self._at, len(self._buffer) - LINE_MAX))

    def _line_start(self, at: int) -> int:
        """The start of the line at `at`, or of one a little before it."""
        start = max(self._buffer.rfind(b"\n", self._at, at) + 1, self._at, at - LINE_MAX // 2)
        for _ in range(_LINES_BEFORE):
            end = self._buffer.rfind(b"\n", max(self._at, start - _BEFORE), start)
            if end < 0:
                break
            earlier = self._buffer.rfind(b"\n", max(self._at, start - _BEFORE), end)
            if earlier < 0:
                break
            start = earlier + 1
        return start

    def _line(self) -> tuple[int, bytes] | None:
        while True:
            end = self._buffer.find(b"\n", self._at, self._at + LINE_MAX)
            if end < 0 and len(self._buffer) - self._at >= LINE_MAX:
                end = self._at + LINE_MAX
            elif end < 0 and not self._ended:
                self._read(keep=self._at)
                continue
            elif end < 0:
                end = len(self._buffer)
                if end == self._at:
                    return None
            line = self._buffer[self._at : end]
            position = self._before + self._at
            self._at = end + (self._buffer[end : end + 1] == b"\n")
            self.done = self._before + self._at
            return position, line.rstrip(b"\r")

    def _read(self, keep: int) -> None:
        """One block more; of the buffer only what is behind `keep` stays."""
        block = self._stream.read(BLOCK)
        self._ended = not block
        self._buffer = self._buffer[keep:] + block
        self._before += keep
        self._at = max(0, self._at - keep)
        self._marker -= keep
        self.done = self._before + len(self._buffer)


def open_log(path: str) -> Any:
    """The file as plain bytes, unpacked, and in UTF-8 where it says that it is UTF-16.

    To be closed by the caller. Raises OSError.
    """
    with open(path, "rb") as file:
        start = file.read(2)
    if start == b"\x1f\x8b":
        return gzip.open(path, "rb")
    plain = open(path, "rb")  # noqa: SIM115
    if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return _Utf16(plain)
    return plain


class _Utf16:
    """A file in UTF-16, read as UTF-8."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-16")("replace")

    def read(self, size: int, /) -> bytes:
        while block := self._file.read(size):
            if text := self._decoder.decode(block):
                return text.encode("utf-8", "replace")
        return b""

    def close(self) -> None:
        self._file.close()


class KernelLog:
    """The running kernel's log from /dev/kmsg, a record at a time. Raises OSError."""

    def __init__(self) -> None:
        self._fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)

    def read(self, _size: int, /) -> bytes:
        while True:
            try:
                return os.read(self._fd, 8192)
            except BlockingIOError:
                return b""
            except OSError as error:
                if error.errno != errno.EPIPE:  # EPIPE: records were overwritten meanwhile
                    raise

    def close(self) -> None:
        os.close(self._fd)

"""Where text meets the terminal, a pipe or a document: the one place that makes it safe there.

Whatever a line holds (names, a log's words, a trace's fields, none of which can be trusted), it
leaves as one line without anything that a terminal could obey. The screen has rich for the same:
views/safe_screen.py.
"""

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from ktrace.views.safe_text import safe


def say(line: str = "", paint: Callable[[str], str] | None = None) -> None:
    """A line for stdout, there at once. paint may colour what is safe already. Raises OSError."""
    text = safe(line)
    _make_room()
    try:
        sys.stdout.write(f"{paint(text) if paint else text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(error.errno, f"cannot write to stdout: {error.strerror}") from None


@contextmanager
def filtered(change: Callable[[str], str]) -> Iterator[None]:
    """What goes to stdout meanwhile passes change, line by line."""
    plain = sys.stdout
    sys.stdout = _Filtered(plain, change)
    try:
        yield
    finally:
        sys.stdout = plain


class _Filtered(io.TextIOBase):
    def __init__(self, inner: TextIO, change: Callable[[str], str]) -> None:
        self._inner = inner
        self._change = change

    def write(self, text: str, /) -> int:
        return self._inner.write(self._change(text))

    def flush(self) -> None:
        self._inner.flush()


def complain(line: str) -> None:
    """A line for stderr; there is nobody to tell when that is lost."""
    _make_room()
    with suppress(OSError):
        sys.stderr.write(f"{safe(line)}\n")
        sys.stderr.flush()


_status_shown = False


def status(line: str) -> None:
    """A line on the terminal at stderr that the next one takes the place of; "": none any more."""
    global _status_shown
    if not line and not _status_shown:
        return
    _status_shown = bool(line)
    with suppress(OSError):
        sys.stderr.write(f"\r{safe(line)[: _columns() - 1]}\x1b[K")
        sys.stderr.flush()


def _columns() -> int:
    """Of stderr's terminal; 80 where it does not say."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80


def _make_room() -> None:
    """What is said takes the place of a status."""
    if _status_shown:
        status("")


def prepare() -> None:
    """Make stdout and stderr such that they take all text, and that a lost one is an OSError."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:  # closed: no file that is opened later shall take its place
            _occupy(number)
            setattr(sys, name, _Closed())
        elif number and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the locale may have few characters


def discard_stdout() -> None:
    """Nothing more goes there; Python would complain of what is left at exit."""
    if not isinstance(sys.stdout, _Closed):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _occupy(number: int) -> None:
    fd = os.open(os.devnull, os.O_RDWR)
    if fd != number:
        os.dup2(fd, number)
        os.close(fd)


class _Closed(io.TextIOBase):
    """In place of a stream that was closed before ktrace began."""

    def write(self, text: str, /) -> int:
        raise OSError(errno.EBADF, "it is closed")

    def flush(self) -> None:
        pass

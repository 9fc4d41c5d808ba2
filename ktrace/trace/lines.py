"""The lines of a trace file, plain or gzip, whatever has become of it."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ktrace.errors import UsageError
from ktrace.trace.damage import Damage, Loss
from ktrace.trace.format import MAX_LINE
from ktrace.trace.gzip_members import MAGIC, gunzip

_CHUNK = 1 << 16


class Line(NamedTuple):
    number: int
    data: bytes  # without the newline
    cut: bool  # too long: only its tail is here


def open_input(path: str | Path) -> BinaryIO:
    """The file, or standard input for "-"."""
    try:
        return open(0, "rb", closefd=False) if str(path) == "-" else open(path, "rb")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None


class LineReader:
    """Iterates over the lines of a file."""

    def __init__(
        self,
        file: BinaryIO,
        damage: Damage,
        until: int | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        """until: bytes, unpacked, after which the rest comes from elsewhere. progress: called with
        how many bytes of the file, packed as it is, have been read."""
        self.give_up_after: int | None = None  # bytes, unpacked
        self._progress = progress
        self._until = until
        self._file = file
        self._damage = damage

    def __iter__(self) -> Iterator[Line]:
        chunks = self._counted(_chunks(self._file, self._damage))
        first = next(chunks, b"")
        data = chain([first], chunks)
        packed = _is_gzip(self._file, first)
        plain = gunzip(data, self._damage) if packed else data
        yield from self._split(plain if self._until is None else self._up_to(self._until, plain))

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        done = 0
        for chunk in chunks:
            done += len(chunk)
            self._progress(done)
            yield chunk

    def _up_to(self, until: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
        left = until
        for chunk in chunks:
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                return
        if left:
            self._damage.add(Loss.GAP, f"byte {until - left}", f"{left} bytes are missing")

    def _split(self, chunks: Iterable[bytes]) -> Iterator[Line]:
        size, number, rest, cut = 0, 1, b"", False
        for chunk in chunks:
            pieces = (rest + chunk).split(b"\n")
            rest = pieces.pop()
            for piece in pieces:
                yield Line(number, piece, cut)
                number, cut = number + 1, False
            if len(rest) > MAX_LINE:
                rest, cut = rest[-_CHUNK:], True  # a whole record may be glued to its end
            size += len(chunk)
            if self.give_up_after is not None and size > self.give_up_after:
                break
        if rest or cut:
            yield Line(number, rest, cut)


def _is_gzip(file: BinaryIO, first: bytes) -> bool:
    # The name counts too: the first byte of a gzip file may be the damaged one.
    named = str(file.name).endswith(".gz") and not first.startswith(b"{")
    return named or first.startswith(MAGIC)


def _chunks(file: BinaryIO, damage: Damage) -> Iterator[bytes]:
    """Never empty ones, the first of at least two bytes if there are so many."""
    at = 0
    try:
        chunk = file.read(len(MAGIC))
        while chunk:
            yield chunk
            at += len(chunk)
            chunk = file.read1(_CHUNK)  # type: ignore[attr-defined]
    except OSError as error:
        damage.add(Loss.READ, f"byte {at}", str(error.strerror))

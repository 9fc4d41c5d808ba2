"""The one pass over a log's bytes: stretches without a marker are skipped, never split.

A stretch is searched for each marker with bytes.find, once in each block: for up to five bytes of
it, as CPython has a faster search for those (Objects/stringlib/fastsearch.h, since 3.10). Measured
with 40 markers on a boot's messages: 107 MB/s for whole markers, 243 for five bytes of each, 53
for one regular expression with all markers as alternatives.
"""

from collections.abc import Callable, Iterator

from ktrace.sources.log.readable import Readable

BLOCK = 1 << 20
CHUNK = 128 << 10  # bytes that are split into lines at a time
LINE_MAX = 16 << 10  # a longer line (a binary file) is cut into pieces
# What is read too before a marker: some forms of logs have the time and the boot on lines before
_LINES_BEFORE = 4
_RECORD = (b"MESSAGE=", b'"MESSAGE"', b'"msg"')  # of forms with a line for each of many fields
_RECORD_BEFORE = 40
_BEFORE_MAX = 8 << 10  # bytes
_ANCHOR = 5  # bytes
# What kernel logs have most of, by their number in a boot's messages
_COMMON = b" 01ed6ocit5u.nf987,=ab4r2[]\n3sv:lwmSBPD_pUNVghyRXTE()kj/QACI<>KxFLG#M-"


class Scanner:
    """Lines of a log that are worth a look, in chunks; the rest is skipped, never kept."""

    def __init__(self, stream: Readable, markers: tuple[bytes, ...]) -> None:
        self._stream = stream
        self._anchors = {marker: _anchor(marker) for marker in markers}
        self._buffer = b""
        self._at = 0  # in the buffer
        self._next = dict.fromkeys(markers, -1)  # where in the buffer each is; its end: nowhere
        self._ended = False
        self._given_back = 0
        self._lines: int | None = None  # of the chunk, where its reader has counted them
        self._line = 1  # number of the line at _at
        self.done = 0  # bytes that have been read

    def chunks(self, wanted: Callable[[], bool]) -> Iterator[tuple[int, bytes]]:
        """Number of the first line, and whole lines. When wanted() is False, goes on with the
        lines around the next marker."""
        while True:
            if not wanted() and not self._skip():
                return
            chunk = self._chunk()
            if not chunk:
                return
            self._given_back, self._lines = 0, None
            yield self._line, chunk
            self._at -= self._given_back
            if self._lines is None:
                self._lines = chunk.count(b"\n", 0, len(chunk) - self._given_back)
            self._line += self._lines

    def give_back(self, size: int) -> None:
        """The last bytes of the chunk: the next one begins with them."""
        self._given_back = size

    def counted(self, lines: int) -> None:
        """Ends of lines in the chunk, without what is given back: counting costs as much as a
        twentieth of reading reports that are alike."""
        self._lines = lines

    def _chunk(self) -> bytes:
        """Lines up to about CHUNK bytes, each with its end; b"" at the end of the log."""
        while True:
            limit = self._at + CHUNK
            end = self._buffer.rfind(b"\n", self._at, limit) + 1
            if end <= self._at and len(self._buffer) >= limit:
                end = self._at + LINE_MAX
            elif not self._ended and len(self._buffer) < limit:
                self._read()
                continue
            elif len(self._buffer) < limit:
                end = len(self._buffer)
            chunk = self._buffer[self._at : end]
            self._at = end
            return chunk

    def _skip(self) -> bool:
        """To a line before the next one with a marker; False: there is none."""
        while True:
            nearest = min(self._position(marker) for marker in self._anchors)
            if nearest < len(self._buffer):
                self._go_to(self._start(nearest))
                return True
            if self._ended:
                return False
            # a marker may be cut in two by the end of the buffer
            newline = self._buffer.rfind(b"\n", self._at) + 1
            self._go_to(max(newline, self._at, len(self._buffer) - LINE_MAX))
            self._read()

    def _position(self, marker: bytes) -> int:
        """Of the next one in the buffer; the buffer's end where there is none."""
        known = self._next[marker]
        if known < self._at:
            known = self._next[marker] = self._find(marker)
        return known

    def _find(self, marker: bytes) -> int:
        anchor, offset = self._anchors[marker]
        at = self._at + offset
        while (at := self._buffer.find(anchor, at)) >= 0:
            if self._buffer.startswith(marker, at - offset):
                return at - offset
            at += 1
        return len(self._buffer)

    def _start(self, at: int) -> int:
        """The start of a line a little before the marker at `at`."""
        floor = max(self._at, at - _BEFORE_MAX)
        start = self._buffer.rfind(b"\n", floor, at) + 1 or floor
        record = self._buffer[start:at].lstrip().startswith(_RECORD)
        for _ in range(_RECORD_BEFORE if record else _LINES_BEFORE):
            if start <= floor:
                break
            earlier = self._buffer.rfind(b"\n", floor, start - 1) + 1
            if earlier <= floor:
                return floor if floor == self._at else start
            start = earlier
        return start

    def _go_to(self, at: int) -> None:
        self._line += self._buffer.count(b"\n", self._at, at)
        self._at = at

    def _read(self) -> None:
        """One block more; what has been looked at is let go."""
        block = self._stream.read(BLOCK)
        self._ended = not block
        self._buffer = self._buffer[self._at :] + block
        self._at = 0
        self._next = dict.fromkeys(self._anchors, -1)
        self.done += len(block)


def _anchor(marker: bytes) -> tuple[bytes, int]:
    """The rarest bytes of a marker, and where in it they are."""
    last = max(0, len(marker) - _ANCHOR)
    parts = [(marker[at : at + _ANCHOR], at) for at in range(last + 1)]
    return max(parts, key=lambda part: sum(_rarity(byte) for byte in part[0]))


def _rarity(byte: int) -> int:
    rank = _COMMON.find(byte)
    return rank if rank >= 0 else len(_COMMON)

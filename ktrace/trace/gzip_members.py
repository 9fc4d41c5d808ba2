"""Gzip members, as the recorder writes them, read up to and around damage."""

import zlib
from collections.abc import Iterable, Iterator

from ktrace.trace.damage import Damage, Loss

MAGIC = b"\x1f\x8b"
_MEMBER = MAGIC + b"\x08"  # deflate, the only method there is
_GZIP = 31  # wbits: with gzip's header and trailer
_OUTPUT = 1 << 16  # bytes at a time: a few bytes may inflate to very many


def gunzip(chunks: Iterable[bytes], damage: Damage) -> Iterator[bytes]:
    """What chunks inflate to. After damage it goes on at the next member."""
    state = _Gunzip(damage)
    for chunk in chunks:
        yield from state.feed(chunk)
    yield from state.finish()


class _Gunzip:
    def __init__(self, damage: Damage) -> None:
        self._damage = damage
        self._data = b""  # not inflated yet
        self._read = 0  # bytes of the file, including data
        self._inflater: zlib._Decompress | None = None
        self._begun = b""  # what is known of the file since the member's first byte
        self._lost = False  # already told

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        self._read += len(chunk)
        self._data += chunk
        self._begun = self._data
        yield from self._inflate_all()

    def finish(self) -> Iterator[bytes]:
        while self._inflater:
            self._tell("the file ends within a gzip member")
            yield self._inflater.flush()
            yield self._abandon()
            yield from self._inflate_all()
        if self._data:
            self._tell("not gzip data")

    def _inflate_all(self) -> Iterator[bytes]:
        while self._data and (self._inflater or self._find_member()):
            yield self._inflate()

    def _find_member(self) -> bool:
        at = self._data.find(_MEMBER)
        if at:
            self._skip(at if at > 0 else max(0, len(self._data) - len(_MEMBER) + 1))
        if at < 0:
            return False
        self._inflater, self._lost = zlib.decompressobj(_GZIP), False
        self._begun = self._data
        return True

    def _skip(self, length: int) -> None:
        if length:
            self._tell("not gzip data")
            self._data = self._data[length:]

    def _inflate(self) -> bytes:
        assert self._inflater
        before = self._inflater.copy()
        try:
            found = self._inflater.decompress(self._data, _OUTPUT)
        except zlib.error:
            return self._rescue(before)
        if self._inflater.eof:
            self._data, self._inflater = self._inflater.unused_data, None
        else:
            self._data = self._inflater.unconsumed_tail
        return found

    def _rescue(self, inflater: "zlib._Decompress") -> bytes:
        """What comes before the damage: byte by byte, since zlib gives nothing with an error."""
        found = []
        try:
            for at in range(len(self._data)):
                found.append(inflater.decompress(self._data[at : at + 1]))
        except zlib.error as error:
            self._tell(f"damaged gzip data ({error})")
        found.append(self._abandon())
        return b"".join(found)

    def _abandon(self) -> bytes:
        """Look for the next member in all that is still known: a damaged one may swallow others."""
        self._data = self._begun[1:]
        self._inflater = None
        return b"\n"  # what follows is another line

    def _tell(self, why: str) -> None:
        if not self._lost:
            self._damage.add(Loss.GZIP, f"byte {self._read - len(self._data)}", why)
        self._lost = True

"""The frames of bpf/agent/frames.h in a stream of bytes, of which any may be wrong or missing."""

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum

from ktrace.record import record

MAGIC = b"ktAg"
_HEAD = struct.Struct("<4s5I")
_CHECKED = slice(4, 16)  # of the head: number, type, length
MOST_PAYLOAD = 32768


class FrameType(IntEnum):
    """enum frame_type."""

    HEAD = 1
    FILE = 2
    PROBE = 3
    READY = 4
    EVENT = 5
    STACK = 6
    SYMBOLS = 7
    WALK = 8
    LOST = 9
    COUNTS = 10
    LOOK = 11
    END = 12


@record
class Frame:
    """Whole, as its checksum says; type may be one that this ktrace does not know."""

    number: int
    type: int
    payload: bytes


class FrameReader:
    """Give it bytes as they come. After damage it goes on with the next whole frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._next: int | None = None  # number of the next frame; None: before the first
        self.lost = 0  # frames that are missing: their numbers are
        self.skipped = 0  # bytes that are of no frame

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now."""
        self._buffer += data
        while (frame := self._take()) is not None:
            if self._next is not None:
                missing = frame.number - self._next
                self.lost += missing if missing >= 0 else 1  # the agent was started again
            self._next = frame.number + 1
            yield frame

    @property
    def torn(self) -> bool:
        """Has a frame begun that is not complete?"""
        return bool(self._buffer)

    def _take(self) -> Frame | None:
        """None: more bytes are needed."""
        while True:
            self._skip(self._buffer.find(MAGIC))
            if len(self._buffer) < _HEAD.size:
                return None
            _, number, kind, length, head_crc, crc = _HEAD.unpack_from(self._buffer)
            end = _HEAD.size + length
            if length <= MOST_PAYLOAD and zlib.crc32(self._buffer[_CHECKED]) == head_crc:
                if len(self._buffer) < end:
                    return None
                payload = bytes(self._buffer[_HEAD.size : end])
                if zlib.crc32(payload, head_crc) == crc:
                    del self._buffer[:end]
                    return Frame(number, kind, payload)
            self._skip(1)  # this was not the head of a frame, or not all of it is right

    def _skip(self, count: int) -> None:
        """To where a frame may begin; -1: nowhere in what is there."""
        if count < 0:  # but for a beginning of the magic at the very end
            count = max(0, len(self._buffer) - len(MAGIC) + 1)
            while count < len(self._buffer) and not MAGIC.startswith(self._buffer[count:]):
                count += 1
        self.skipped += count
        del self._buffer[:count]

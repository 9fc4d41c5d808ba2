"""A log that is a list of JSON objects in one line, as `dmesg --json | jq -c .` makes it: each
object becomes a line."""

import re
from typing import BinaryIO

_BETWEEN = re.compile(rb"\},\s?\{")
_OBJECTS = 4  # from which on a text is such a list
_LONGEST = 4  # bytes of what is between two
_HAS = (b'"msg"', b'"MESSAGE"', b'"message"', b'"log"', b'"line"')


def is_list(start: bytes) -> bool:
    """By the beginning of a file."""
    if not start.lstrip().startswith((b"[", b"{")) or not any(key in start for key in _HAS):
        return False
    objects = len(_BETWEEN.findall(start))
    return objects >= _OBJECTS and objects > start.count(b"\n")


class RecordList:
    """The file, each object in a line of its own."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rest = b""  # which may be the beginning of what is between two

    def read(self, size: int, /) -> bytes:
        while True:
            block = self._file.read(size)
            text = self._rest + block
            cut = text.rfind(b"}", max(0, len(text) - _LONGEST)) if block else -1
            self._rest = text[cut:] if cut >= 0 else b""
            found = _BETWEEN.sub(b"},\n{", text[:cut] if cut >= 0 else text)
            if found or not block:
                return found

    def close(self) -> None:
        self._file.close()

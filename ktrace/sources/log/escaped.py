"""A log that is one string of JSON, as `aws ec2 get-console-output` prints it: its lines end with
"\\r\\n"."""

import re
from typing import BinaryIO

_LINES = 8  # ends that are escaped, from which on a text is such a string
_SHARE = 4  # of them for each that is not
_ESCAPE = re.compile(rb"\\(?:r\\n|u00([0-7][0-9a-fA-F])|([rnt\"\\/bf]))")
_PLAIN = {b"n": b"\n", b"r": b"", b"t": b" ", b"b": b"", b"f": b""}
_LONGEST = 6  # bytes of an escape


def is_escaped(start: bytes) -> bool:
    """By the beginning of a file."""
    escaped = start.count(b"\\n")
    return escaped >= _LINES and escaped >= _SHARE * start.count(b"\n")


class Escaped:
    """The file, its escapes as what they stand for."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rest = b""  # which may be the beginning of an escape

    def read(self, size: int, /) -> bytes:
        while True:
            block = self._file.read(size)
            text = self._rest + block
            cut = text.rfind(b"\\", len(text) - _LONGEST) if block else -1
            if cut > 0 and text[cut - 1 : cut] == b"\\":
                cut -= 1
            self._rest = text[cut:] if cut >= 0 else b""
            found = _ESCAPE.sub(_plain, text[:cut] if cut >= 0 else text)
            if found or not block:
                return found

    def close(self) -> None:
        self._file.close()


def _plain(escape: re.Match[bytes]) -> bytes:
    if escape[1]:
        return bytes([int(escape[1], 16)])
    letter = escape[2]
    return _PLAIN.get(letter, letter) if letter else b"\n"

"""The end of what children print, kept while ktrace draws a screen."""

import fcntl
import os
from collections import deque

_KEPT_CHUNKS = 16
_CHUNK = 4096
_LINES = 20


class KeptOutput:
    """A pipe: children get `fd`."""

    def __init__(self) -> None:
        self._read_end, self.fd = os.pipe()
        fcntl.fcntl(self._read_end, fcntl.F_SETFL, os.O_NONBLOCK)
        self._chunks: deque[bytes] = deque(maxlen=_KEPT_CHUNKS)

    def take(self) -> None:
        """Take in what was printed, so that no child waits for ktrace."""
        try:
            while chunk := os.read(self._read_end, _CHUNK):
                self._chunks.append(chunk)
        except BlockingIOError:
            pass

    def last_lines(self) -> list[str]:
        self.take()
        text = b"".join(self._chunks).decode(errors="backslashreplace")
        return text.splitlines()[-_LINES:]

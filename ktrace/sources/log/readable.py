"""What a log is read from."""

from typing import Protocol


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

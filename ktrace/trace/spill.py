"""A second place for the rest of a trace whose file system does not take it."""

import os
import signal
import time
from collections.abc import Callable, Sequence

from ktrace.findings import End
from ktrace.trace.format import encode_line

_WITHIN_S = 3.0
_POLL_S = 0.01
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Spill:
    """Written by write(). Only its owner can read it; its name cannot be guessed."""

    def __init__(
        self, folder: str, chunks: Sequence[bytes], make_end: Callable[[str], End]
    ) -> None:
        """make_end: of the path."""
        self.path = os.path.join(folder, f"ktrace-rest-{os.urandom(4).hex()}.ktrace")
        self.end = make_end(self.path)
        self._chunks = [*chunks, encode_line(self.end.to_json())]

    def write(self) -> str:
        """Why it could not be written, "" if it could. Takes a few seconds at most: a process does
        it, since the second place may hang as the first one does."""
        try:
            pid = os.fork()
        except OSError as error:
            return error.strerror or str(error)
        if not pid:
            os._exit(self._written())
        until = time.monotonic() + _WITHIN_S
        while time.monotonic() < until:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status)
                return os.strerror(code) if code > 0 else "it was killed" if code else ""
            time.sleep(_POLL_S)
        os.kill(pid, signal.SIGKILL)
        return "it does not answer"

    def _written(self) -> int:
        """0, or errno."""
        try:
            fd = os.open(self.path, _FLAGS, 0o600)
            for chunk in self._chunks:
                rest = memoryview(chunk)
                while rest:
                    rest = rest[os.write(fd, rest) :]
            os.fsync(fd)
        except OSError as error:
            return error.errno or 255
        return 0

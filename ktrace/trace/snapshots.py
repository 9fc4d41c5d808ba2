"""ktrace's side of a file that is kept up to date."""

from ktrace.errors import UsageError
from ktrace.trace.snapshot_writer import END
from ktrace.trace.writer_process import WriterProcess

_OPENING_S = 0.3


class Snapshots:
    """Nothing of it ever waits: where the file system hangs, snapshots are left out."""

    def __init__(self, path: str) -> None:
        """Raises UsageError."""
        self._closed = False
        self._process = WriterProcess()
        self._process.write_to(path, kind="snapshots")
        self._process.wait(_OPENING_S, "open")
        if self._process.state == "refused":
            raise UsageError(f"cannot write {path}: {self._process.why}")

    @property
    def failure(self) -> str:
        """Why one did not reach the file; empty: each has, as far as is told by now."""
        self._process.flush()
        return self._process.failure

    def close(self) -> None:
        """Waits for the last one, for a moment."""
        if self._closed:
            return
        self._closed = True
        self._process.end()
        self._process.wait(_OPENING_S)
        self._process.leave()

    def put(self, text: bytes) -> None:
        """The newest."""
        self._process.flush()
        if not self._process.waiting:
            self._process.put(text + END)
            self._process.flush()

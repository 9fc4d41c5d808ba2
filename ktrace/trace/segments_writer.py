"""ktrace's side of a trace in segments."""

from pathlib import Path

from ktrace.findings import End, Session
from ktrace.trace.segment_writer import mark_line
from ktrace.trace.writer import TraceWriter


class SegmentsWriter(TraceWriter):
    """Writes into a folder. Raises UsageError as TraceWriter does."""

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder, kind="segments")

    @property
    def waiting(self) -> int:
        """Bytes that are not known to be in a file."""
        return self._process.waiting

    @property
    def congested(self) -> bool:
        """So much waits that a new segment would have to drop records: its head may be among
        them."""
        return self.waiting > self._much_room

    def begin(self, name: str, keep: int, session: Session) -> None:
        """The next file; after write_end(). keep: bytes of all files, at most."""
        line = mark_line(name, keep)
        self._process.put(line)
        self._ready += len(line)
        self._told_before = self._told
        self.write_session(session)

    def write_end(self, end: End) -> None:
        """Of a segment; begin() may follow."""
        self._tell_losses(end.t, reserve=0)
        self._write(end.to_json(), urgent=True, reserve=0)

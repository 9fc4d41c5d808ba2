"""Records a run into a trace file, without ever holding it up."""

from pathlib import Path
from typing import Any

from ktrace.errors import UsageError
from ktrace.events import Event, Lost, Stack, to_json
from ktrace.findings import End, Finding, Session, finding_to_json
from ktrace.trace.format import MAX_LINE, MAX_STACKS, encode_line
from ktrace.trace.gzip_members import member
from ktrace.trace.output import CAPACITY, BackgroundFile

_FOR_THE_END = 64 << 10  # bytes of the queue that only the last records may use


class TraceWriter:
    """Opens the file at once: a new one, unless `force`; gzip if the path ends with ".gz".

    Encoding is done by the caller's thread, I/O by another. When that falls behind by `capacity`
    bytes, records are dropped, and a Lost event says so later in the file.
    """

    def __init__(self, path: str | Path, capacity: int = CAPACITY, *, force: bool = False) -> None:
        if str(path) == "-":
            raise UsageError("cannot write a trace to -", hint="use /dev/stdout for a pipe")
        pack = member if str(path).endswith(".gz") else None
        self._file = BackgroundFile(path, pack, capacity + _FOR_THE_END, force=force)
        self._much_room = _FOR_THE_END + capacity // 2
        self._stacks: dict[Stack, int] = {}
        self._next_stack = 1
        self._told = 0
        self.dropped = 0  # records that did not go into the file

    @property
    def failure(self) -> str | None:
        """The first error in writing, in one line. What came after it may be in the file."""
        return self._file.failure

    def write_session(self, session: Session) -> None:
        self._stacks.clear()
        self._next_stack = 1
        self._write(session.to_json(), urgent=True)

    def write_event(self, event: Event) -> None:
        self._tell_losses(event.t, self._much_room)
        self._write(to_json(event))

    def write_finding(self, finding: Finding) -> None:
        self._tell_losses(finding.t, self._much_room)
        self._write(finding_to_json(finding), urgent=True)

    def write_end(self, end: End) -> None:
        self._tell_losses(end.t, reserve=0)
        self._write(end.to_json(), urgent=True, reserve=0)

    def close(self, timeout_s: float = 2.0) -> bool:
        """Whether all that was not dropped is in the file. A hung file system costs timeout_s."""
        return self._file.close(timeout_s)

    def _tell_losses(self, t: float, reserve: int) -> None:
        """Once there is room again: not between any two records that just fit."""
        if self.dropped == self._told:
            return
        told = self.dropped
        lost = Lost(t=t, what="trace_file", count=told)
        if self._file.put(encode_line(to_json(lost)), reserve=reserve):
            self._told = told

    def _write(
        self, record: dict[str, Any], *, urgent: bool = False, reserve: int = _FOR_THE_END
    ) -> None:
        frames = tuple(record.get("stack") or ())
        try:
            lines = self._lines(record, frames)
        except ValueError:  # not a finite number
            self.dropped += 1
            return
        if len(lines) > MAX_LINE or not self._file.put(lines, urgent=urgent, reserve=reserve):
            self.dropped += 1
        elif frames and frames not in self._stacks:
            self._remember(frames)

    def _lines(self, record: dict[str, Any], frames: Stack) -> bytes:
        """The record's line, after that of its stack if the file has not got it yet."""
        if "stack" not in record:
            return encode_line(record)
        if not frames:
            return encode_line(record | {"stack": None})
        number = self._stacks.get(frames)
        if number is not None:
            return encode_line(record | {"stack": number})
        stack = {"kind": "stack", "id": self._next_stack, "frames": frames}
        return encode_line(stack) + encode_line(record | {"stack": self._next_stack})

    def _remember(self, frames: Stack) -> None:
        if len(self._stacks) >= MAX_STACKS:
            self._stacks.clear()
        self._stacks[frames] = self._next_stack
        self._next_stack += 1

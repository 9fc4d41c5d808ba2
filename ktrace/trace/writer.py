"""Records a run into a trace file, without ever holding it up."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ktrace.errors import UsageError
from ktrace.events import Event, Lost, Stack, to_json
from ktrace.findings import End, Finding, Session, finding_to_json
from ktrace.trace.format import MAX_LINE, MAX_STACKS, encode_line
from ktrace.trace.output import EXISTS, is_connection
from ktrace.trace.spill import Spill
from ktrace.trace.writer_process import take

if TYPE_CHECKING:
    from pathlib import Path

CAPACITY = 8 << 20  # bytes that may wait
_FOR_THE_END = 64 << 10  # bytes of the queue, and of the file, that only the last records may use
_OPENING_S = 0.3  # that the beginning of a run waits for the file
_HAND_OVER = 64 << 10  # bytes
_STACK = re.compile(rb'\{"kind":"stack","id":(\d+)')


class TraceWriter:
    """Has the file opened at once: a new one, unless `force`; gzip if the path ends with ".gz".

    Encoding is done by the caller, I/O by a process of its own. When that falls behind by
    `capacity` bytes, records are dropped, and a Lost event says so later in the file. Where the
    file cannot be opened at once (no reader of a FIFO, a file system that hangs) records wait.
    Raises UsageError when it is known at once that it cannot be written.
    """

    def __init__(
        self,
        path: "str | Path",
        capacity: int = CAPACITY,
        *,
        force: bool = False,
        max_bytes: int | None = None,
        kind: str = "file",
    ) -> None:
        """max_bytes: of the file; see `full`. kind: as of WriterProcess.write_to()."""
        if str(path) == "-":
            raise UsageError("cannot write a trace to -", hint="use /dev/stdout for a pipe")
        self.path = str(path)
        self.dropped = 0  # records that did not go into the file
        self.full = False  # max_bytes are reached: only the end is still written
        self._process = take()
        packed = self.path.endswith(".gz")
        self._process.write_to(self.path, force=force, packed=packed, kind=kind)
        self._capacity = capacity + _FOR_THE_END
        self._much_room = _FOR_THE_END + capacity // 2
        self._max_bytes = max_bytes
        self._stacks: dict[Stack, int] = {}
        self._next_stack = 1
        self._session: Session | None = None
        self._told = 0  # of dropped
        self._told_before = 0  # in other files
        self._ready = 0  # bytes put since the last flush
        self._left = False
        # a FIFO may be read much later, but a machine that does not listen says so at once
        known = ("open",) if is_connection(self.path) else ("open", "unread")
        self._process.wait(_OPENING_S, *known)
        if self._process.state == "refused":
            raise UsageError(self._refusal(), hint=self._hint())

    @property
    def failure(self) -> str | None:
        """The first error in writing, in one line. What came after it may be in the file."""
        if self._process.state == "refused":
            return self._refusal()
        why = self._process.failure
        return f"cannot write {self.path}: {why}" if why else None

    @property
    def why_not_open(self) -> str:
        """Why the file is not open yet; "" if it is, or never will be."""
        known = {"opening": "its file system does not answer", "unread": "nobody reads it yet"}
        return known.get(self._process.state, "")

    @property
    def file_bytes(self) -> int:
        """Of the file so far."""
        return self._process.file_bytes

    @property
    def behind(self) -> bool:
        """flush() has more to do."""
        return self._process.behind

    def write_session(self, session: Session) -> None:
        self._session = session
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
        """Nothing can be written after it."""
        self._tell_losses(end.t, reserve=0)
        if self.full:
            self._put(encode_line(to_json(Lost(t=end.t, what="max_size", count=1))), reserve=0)
        self._write(end.to_json(), urgent=True, reserve=0)
        self._process.end()

    def flush(self) -> None:
        """Hand over what has been written. Does not wait."""
        self._ready = 0
        self._process.flush()

    def close(self, timeout_s: float = 2.0) -> bool:
        """Whether all that was not dropped is in the file. A hung file system costs timeout_s."""
        if not self._left:
            self._left = True
            self._process.end()
            self._process.wait(timeout_s)
            self._process.leave()
        return self._process.state == "done"

    def spill(self, folder: str, make_end: Callable[[str], End]) -> Spill | None:
        """After close(): what can be written elsewhere, a trace by itself; None where nobody would
        miss it: the reader of a pipe has left."""
        at, chunks = self._process.rest()
        if self._process.is_stream or self._session is None or not chunks:
            return None
        if chunks[-1].startswith(b'{"kind":"end"'):
            del chunks[-1]
        head = [encode_line(self._session.to_json() | {"rest_from": at})]
        if not at:  # it is all there, and the file may hold some of it, too
            return Spill(folder, [*head, *chunks[1:]], make_end)
        new = (int(found[1]) for found in map(_STACK.match, chunks) if found)
        known = next(new, self._next_stack)  # ids below are not in chunks
        head += [_stack_line(id_, frames) for frames, id_ in self._stacks.items() if id_ < known]
        return Spill(folder, [*head, *chunks], make_end)

    def _refusal(self) -> str:
        if self._process.why == EXISTS:
            return f"{self.path} exists"
        return f"cannot write {self.path}: {self._process.why}"

    def _hint(self) -> str:
        return "--force overwrites it" if self._process.why == EXISTS else ""

    def _tell_losses(self, t: float, reserve: int) -> None:
        """Once there is room again: not between any two records that just fit."""
        if self.dropped == self._told:
            return
        told = self.dropped
        lost = Lost(t=t, what="trace_file", count=told - self._told_before)
        if self._put(encode_line(to_json(lost)), reserve=reserve):
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
        if len(lines) > MAX_LINE or not self._put(lines, reserve=reserve):
            self.dropped += not self.full
        elif frames and frames not in self._stacks:
            self._remember(frames)
        if urgent or self._ready >= _HAND_OVER:
            self.flush()

    def _put(self, lines: bytes, reserve: int) -> bool:
        """False if that would leave less than `reserve` bytes of the queue, or of the file."""
        waiting = self._process.waiting + len(lines) + reserve
        if self._max_bytes is not None and reserve:
            size = self._process.file_bytes + waiting  # packed, it becomes less
            self.full = self.full or size > self._max_bytes
        if waiting > self._capacity or (self.full and reserve):
            return False
        self._process.put(lines)
        self._ready += len(lines)
        return True

    def _lines(self, record: dict[str, Any], frames: Stack) -> bytes:
        """The record's line, after that of its stack if the file has not got it yet."""
        if "stack" not in record:
            return encode_line(record)
        if not frames:
            return encode_line(record | {"stack": None})
        number = self._stacks.get(frames)
        if number is not None:
            return encode_line(record | {"stack": number})
        line = _stack_line(self._next_stack, frames)
        return line + encode_line(record | {"stack": self._next_stack})

    def _remember(self, frames: Stack) -> None:
        if len(self._stacks) >= MAX_STACKS:
            self._stacks.clear()
        self._stacks[frames] = self._next_stack
        self._next_stack += 1


def _stack_line(number: int, frames: Stack) -> bytes:
    return encode_line({"kind": "stack", "id": number, "frames": frames})

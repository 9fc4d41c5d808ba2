"""A trace file as a source of events: read once, in constant memory, up to and around damage."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from ktrace.errors import UsageError
from ktrace.events import EVENTS, Event, Stack, from_json
from ktrace.findings import End, Finding, Session, finding_from_json
from ktrace.problems import problem_of, reported
from ktrace.trace.damage import Damage, Loss
from ktrace.trace.format import FORMAT, MAX_STACKS, READ_FORMATS, BadLine, decode_line, salvage
from ktrace.trace.lines import Line, LineReader, open_input

Record = Session | Event | Finding | End

_GIVE_UP_BYTES = 16 << 20  # without one record: it is something else
_GIVE_UP_LINES = 100_000  # in a row without one: a few bytes of gzip may hold very many
_FORMATS = range(10**9)  # that there may be
_IDS = range(2**63)  # of stacks
_FORMAT_OF_LINE = re.compile(rb'^\{"kind":"session".{0,4096}?"format":(\d{1,9})[,}]')


class TraceFile:
    """Opened and read up to the first record by the constructor; `damage` grows with reading.

    Several sessions in a file (`cat a b`) come one after the other, each begun by its Session.
    """

    def __init__(
        self,
        path: str | Path,
        change: Callable[[Record], Record] = lambda record: record,
        rest: "Rest | None" = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        """change: what becomes of each record before anybody sees it. rest: see
        ktrace.trace.rests. progress: called with how many bytes of the file have been read."""
        self.path = path
        self._change = change
        self.damage = Damage()
        self._file = open_input(path)
        until = rest.at if rest else None
        self._reader = LineReader(self._file, self.damage, until, progress)
        self._lines = chain(self._reader, _lines_of(rest, self.damage) if rest else ())
        self._decoder = _Decoder(self.damage)
        try:
            self._first = [change(record) for record in self._read_first()]
        except BaseException:
            self.close()
            raise
        # Without the session's record the rest is still worth reading.
        found = self._first[0]
        self.session = found if isinstance(found, Session) else _unknown_session(found)

    def records(self) -> Iterator[Record]:
        """All records in the file's order, the first session included. Can be called once."""
        yield from self._first
        change, records_of = self._change, self._decoder.records
        for line in self._lines:
            for record in records_of(line):
                yield change(record)
            if self._decoder.barren >= _GIVE_UP_LINES:
                why = f"{_GIVE_UP_LINES} lines in a row are no records"
                self.damage.add(Loss.REST, f"line {line.number}", why)
                break
        self._decoder.finish()
        self.close()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "TraceFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read_first(self) -> list[Record]:
        """The records of the first line that has any."""
        self._reader.give_up_after = _GIVE_UP_BYTES
        start: bytes | None = None
        for line in self._lines:
            records = self._decoder.records(line)
            self._refuse_other_format()
            if records:
                self._reader.give_up_after = None
                return records
            start = line.data if start is None else start
            if self._decoder.barren >= _GIVE_UP_LINES:
                break
        raise UsageError(self._why_nothing(start))

    def _refuse_other_format(self) -> None:
        found = self._decoder.other_format
        if found is not None:
            raise UsageError(_other_format(self.path, found))

    def _why_nothing(self, start: bytes | None) -> str:
        if self.damage.count(Loss.READ):
            return f"cannot read {self.path}: {self.damage.lines()[-1]}"
        if start is None:
            return f"{self.path} is empty"
        shape = _FORMAT_OF_LINE.match(start)
        if shape and int(shape[1]) not in READ_FORMATS:  # its checksums may be other ones, too
            return _other_format(self.path, int(shape[1]))
        if start.startswith(b'{"kind":'):
            return f"{self.path}: no line of this trace is whole: {self.damage.lines()[0]}"
        return f"{self.path} is not a ktrace trace"


class Rest(NamedTuple):
    """What of a trace was written elsewhere, since its file system hung."""

    path: str
    at: int  # bytes of the trace, unpacked, that come before it


def _lines_of(rest: Rest, damage: Damage) -> Iterator[Line]:
    with open_input(rest.path) as file:
        yield from LineReader(file, damage)


class _Decoder:
    """From lines to records; knows the stacks of the session."""

    def __init__(self, damage: Damage) -> None:
        self.barren = 0  # lines in a row without anything of a trace
        self.other_format: int | None = None  # of the session that is being skipped
        self._damage = damage
        self._stacks: dict[int, Stack] = {}
        self._newest_stack = -1
        self._line = 1
        self._running = False  # a session has begun and not ended
        self._session_known: Session | None = None

    @property
    def _where(self) -> str:
        return f"line {self._line}"

    def records(self, line: Line) -> list[Record]:
        """As a rule one."""
        self._line = line.number
        self.barren += 1
        found = []
        for data in self._objects(line):
            self.barren = 0
            try:
                record = self._record(data)
            except ValueError as error:
                self._damage.add(Loss.LINE, self._where, str(error))
                continue
            if record is not None:
                found.append(record)
        return found

    def finish(self) -> None:
        if self._running:
            self._damage.add(
                Loss.END, self._where, "the recorder was cut off, or is still recording"
            )

    def _objects(self, line: Line) -> Iterable[dict[str, Any]]:
        data = line.data.removesuffix(b"\r")  # a mail program's
        if not data and not line.cut:
            return ()
        try:
            if line.cut:
                raise BadLine("too long")
            return (decode_line(data),)
        except BadLine as error:
            self._damage.add(Loss.LINE, self._where, str(error))
            return salvage(data)

    def _record(self, data: dict[str, Any]) -> Record | None:
        kind = data.get("kind")
        if kind == "event" and self._running and self.other_format is None:  # as almost all are
            return self._event_or_finding(data)
        if kind == "session":
            return self._session(data)
        if self.other_format is not None:
            return None
        if kind == "stack":
            self._learn_stack(data)
            return None
        if kind == "end":
            self._running = False
            self._stacks.clear()
            return End.from_json(data)
        self._running = True
        return self._event_or_finding(data)

    def _session(self, data: dict[str, Any]) -> Session | None:
        if self._goes_on(data):
            return None
        self.finish()
        self._running = False
        self._stacks.clear()
        found = data.get("format")
        if type(found) is int and found not in READ_FORMATS and found in _FORMATS:
            self.other_format = found
            self._damage.add(Loss.UNKNOWN, self._where, f"a session in trace format {found}")
            return None
        session = Session.from_json(data)
        if not all(problem.traced for problem in reported(session.command, session.also)):
            raise ValueError("a session of a command that does not trace")
        self.other_format = None
        self._running = True
        self._session_known = session
        return session

    def _goes_on(self, data: dict[str, Any]) -> bool:
        """Is it the head of the rest of the session that runs?"""
        known = self._session_known
        return (
            self._running
            and known is not None
            and data.get("rest_from") is not None
            and (data.get("boot_id"), data.get("t")) == (known.boot_id, known.t)
        )

    def _event_or_finding(self, data: dict[str, Any]) -> Record | None:
        kind = data.get("kind")
        name = data.get(kind) if kind in ("event", "finding") else None
        if not isinstance(name, str) or not (
            name in EVENTS if kind == "event" else _is_traced(name)
        ):
            what = f"{kind} {name}" if isinstance(name, str) else f"{kind}"
            self._damage.add(Loss.UNKNOWN, self._where, f"unknown record {what!a:.60}")
            return None
        if "stack" in data:
            data["stack"] = self._stack(data["stack"])
        return from_json(data) if kind == "event" else finding_from_json(data)

    def _learn_stack(self, data: dict[str, Any]) -> None:
        number, frames = data.get("id"), data.get("frames")
        if type(number) is not int or not isinstance(frames, list):
            raise ValueError("a stack without id or frames")
        if not all(isinstance(frame, str) for frame in frames):
            raise ValueError("a stack's frame is not text")
        if number <= self._newest_stack:  # numbered anew: another session, its record is lost
            self._stacks.clear()
        self._newest_stack = number
        self._stacks[number] = tuple([sys.intern(frame) for frame in frames])
        if len(self._stacks) > MAX_STACKS:
            del self._stacks[next(iter(self._stacks))]

    def _stack(self, number: object) -> Stack:
        """The frames of a stack's number; none for one whose own line is lost."""
        if number is None:
            return ()
        if type(number) is not int or number not in _IDS:
            raise ValueError("stack is no number of a stack")
        if number not in self._stacks:
            self._damage.add(Loss.STACK, self._where, f"stack {number} is missing")
            return ()
        return self._stacks[number]


def _is_traced(finding: str) -> bool:
    problem = problem_of(finding)
    return problem is not None and problem.traced


def _other_format(path: str | Path, found: int) -> str:
    return f"{path} has trace format {found}; this ktrace reads up to {FORMAT}"


def _unknown_session(first: Record) -> Session:
    """Stands for a session whose record is lost: no probe is known to have been attached."""
    return Session(
        ktrace="?",
        format=FORMAT,
        command="?",
        host="?",
        kernel="?",
        boot_id="?",
        machine="?",
        t=first.t,
        wall="?",
        loader="?",
        stuck_after=1.0,
        probes=(),
        warnings=("the trace's session record is damaged: its probes are not known",),
    )

"""The recording of a live run: what the user must know of it, and what its troubles mean."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol, TypeVar

from ktrace.events import Event
from ktrace.findings import End, Finding, Session
from ktrace.live.options import Options
from ktrace.trace.writer import TraceWriter
from ktrace.verdicts import with_doubt

_Note = Callable[[str], None]
T = TypeVar("T")


class _Change(Protocol):
    def __call__(self, record: T) -> T: ...


REDACTED = "recorded with --redact: names are pseudonyms, pointers are masked, texts are left out"


class Recording:
    """Opened at once. Nothing of it ever waits for the file, but close(), for two seconds."""

    def __init__(self, options: Options) -> None:
        """Raises UsageError where the file cannot be written."""
        assert options.record is not None
        self._writer = TraceWriter(options.record, force=options.force, max_bytes=options.max_size)
        self._spill = options.spill
        self._redact = options.redact
        self._shared = _nameless() if options.redact else _as_it_is
        self._told_failure = False
        self._told_waiting = ""
        self._ended_early = False  # at --max-size

    @property
    def file_bytes(self) -> int:
        """Of the file so far."""
        return self._writer.file_bytes

    @property
    def behind(self) -> bool:
        """Call step() again soon."""
        return self._writer.behind

    def start(self, session: Session) -> None:
        head = self._shared(session)
        if self._redact:
            head = replace(head, warnings=(*head.warnings, REDACTED))
        self._writer.write_session(head)

    def add(self, event: Event, findings: Iterable[Finding]) -> None:
        if self._ended_early:
            return
        self._writer.write_event(self._shared(event))
        for finding in findings:
            self._writer.write_finding(self._shared(finding))

    def step(self, end_now: Callable[[], End], note: _Note) -> None:
        """Now and then. end_now: what the run's end would be by now."""
        self._writer.flush()
        self._tell(note)
        if self._writer.full and not self._ended_early:
            self._ended_early = True
            end = with_doubt(end_now(), "--max-size: tracing went on")
            self._writer.write_end(self._shared(end))
            note(f"{self._writer.path} has reached --max-size and ends here; tracing goes on")

    def end(self, end: End, note: _Note) -> End:
        """end, in doubt when not all of the run is in the file that the user asked for."""
        if not self._ended_early:
            self._writer.write_end(self._shared(end))
        complete = self._writer.close()
        self._tell(note)
        if self._writer.full:
            end = with_doubt(end, "the recording ended at --max-size")
        if complete and not self._writer.dropped:
            return end
        end = with_doubt(end, "the recording is not complete")
        return end if complete else self._rest_elsewhere(end, note)

    def close(self) -> None:
        self._writer.close()

    def _rest_elsewhere(self, end: End, note: _Note) -> End:
        spill = self._writer.spill(
            self._spill, lambda path: self._shared(with_doubt(end, _where(path)))
        )
        if spill is None:
            return end
        failure = spill.write()
        if failure:
            note(f"the rest of the recording is lost: cannot write {spill.path}: {failure}")
            return end
        note(
            f"{self._writer.path} does not take the rest of the recording, which is in {spill.path}"
        )
        return with_doubt(end, _where(spill.path))

    def _tell(self, note: _Note) -> None:
        waiting, failure = self._writer.why_not_open, self._writer.failure
        if waiting != self._told_waiting:
            path = self._writer.path
            if waiting:
                note(f"{path} is not open yet: {waiting}; records wait")
            elif not failure:
                note(f"{path} is open now")
            self._told_waiting = waiting
        if failure and not self._told_failure:
            self._told_failure = True
            note(f"recording fails: {failure}")


def _nameless() -> "_Change":
    from ktrace.nameless import Nameless

    return Nameless().of


def _as_it_is(record: T) -> T:
    return record


def _where(path: str) -> str:
    return f"its rest is in {path}"

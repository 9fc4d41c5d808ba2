"""The recording of a run that is always on: segments, each a trace that can be read alone.

A segment begins with a session record and what is still open, and ends with a verdict about its
time. With `before` there is a segment only where something was found: from so long before it until
so long after it was over; one in which nothing new happens is not longer than any segment.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ktrace.events import Event, Lost, ProbeChange
from ktrace.findings import End, Finding, Probe, Session
from ktrace.live.options import Options
from ktrace.problems import problem_of
from ktrace.trace.segment_writer import PREFIX
from ktrace.trace.segments_writer import SegmentsWriter
from ktrace.verdicts import with_doubt
from ktrace.watch.open_state import OpenState

_Note = Callable[[str], None]
_KEPT_EVENTS = 50_000  # in memory before a finding: 30 MB at most
_SHORTEST_S = 1.0  # of a segment, however little it may hold


@dataclass
class _Segment:
    """The one that is being written."""

    t: float  # when it began
    at: int  # bytes of all segments when it began
    found: Counter[str] = field(default_factory=Counter)  # by the name of their problem
    lost: dict[str, int] = field(default_factory=dict)

    def count(self, finding: Finding) -> None:
        problem = problem_of(finding.finding)
        if problem and finding.status == "open":
            self.found[problem.name] += 1

    def verdict(self, end: End) -> End:
        """end: of the run so far."""
        number = self.found.total()
        return replace(
            end,
            lost=sum(self.lost.values()),
            lost_by=dict(self.lost),
            findings=number,
            verdict="found" if number else "inconclusive" if end.why else "clean",
            found={
                name: None if known is None and not self.found[name] else self.found[name]
                for name, known in end.found.items()
            },
            counts={},
        )


class Segments:
    """In place of ktrace.live.recording.Recording."""

    def __init__(self, options: Options) -> None:
        """Raises UsageError where the folder cannot be written."""
        assert options.traces is not None
        self._options = options
        self._writer = SegmentsWriter(options.traces)
        self._before = deque[tuple[Event, list[Finding]]]()
        self._state = OpenState()
        self._segment: _Segment | None = None
        self._number = 0
        self._dropped = 0  # events that did not stay in memory for as long as they should have
        self._probes: dict[str, ProbeChange] = {}
        self._lost: dict[str, int] = {}  # since the run began, of what is in the state
        self._lost_before: dict[str, int] = {}  # the same when the segment began
        self._open: dict[str, Finding] = {}
        self._news_t = float("-inf")  # of the newest finding
        self._t = 0.0
        self._told = ""

    @property
    def file_bytes(self) -> int:
        """Of all segments so far."""
        return self._writer.file_bytes

    @property
    def behind(self) -> bool:
        """Call step() again soon."""
        return self._writer.behind

    def start(self, session: Session) -> None:
        self._session = session
        self._t = session.t
        if self._options.before is None:
            self._begin(session.t)

    def add(self, event: Event, findings: Iterable[Finding]) -> None:
        found = list(findings)
        self._t = max(self._t, event.t)
        for finding in found:
            self._news_t = self._t
            if finding.status == "resolved":
                self._open.pop(finding.id, None)
            else:
                self._open[finding.id] = finding
        if self._segment is None and self._options.before is not None:
            self._before.append((event, found))
            self._forget(self._t - self._options.before)
            if found:
                self._begin_before()
            return
        self._write(event, found)

    def step(self, end_now: Callable[[], End], note: _Note) -> None:
        """Now and then. end_now: what the run's end would be by now."""
        self._writer.flush()
        self._tell(note)
        if self._segment is None or self._writer.congested or not self._is_due():
            return
        self._end(end_now())
        if self._options.before is None:
            self._begin(self._t)

    def end(self, end: End, note: _Note) -> End:
        """end, in doubt when not all of it is in the segments."""
        if self._segment is not None:
            self._end(end)
        complete = self._writer.close()
        self._tell(note)
        if complete and not self._writer.dropped:
            return end
        return with_doubt(end, "the recording is not complete")

    def close(self) -> None:
        self._writer.close()

    def _is_due(self) -> bool:
        assert self._segment is not None
        segment, options = self._segment, self._options
        quiet_s = self._t - self._news_t
        if options.before is not None and not self._open and quiet_s > options.before:
            return True
        age = self._t - segment.t
        size = self._writer.file_bytes + self._writer.waiting - segment.at
        return age >= _SHORTEST_S and (size >= options.segment_size or age >= options.segment_age)

    def _begin_before(self) -> None:
        """With all that is still in memory."""
        kept, self._before = list(self._before), deque()
        told = {finding.id for _, findings in kept for finding in findings}
        self._begin(min(event.t for event, _ in kept), without=told)
        if self._dropped:
            self._writer.write_event(Lost(t=self._t, what="before", count=self._dropped))
            self._dropped = 0
        for event, findings in kept:
            self._write(event, findings)

    def _begin(self, t: float, without: Collection[str] = ()) -> None:
        """without: findings, by id, that its own events will tell."""
        self._number += 1
        self._lost_before = dict(self._lost)
        self._segment = _Segment(t, self._writer.file_bytes + self._writer.waiting)
        begun = datetime.fromisoformat(self._session.wall) + timedelta(seconds=t - self._session.t)
        session = replace(
            self._session,
            t=t,
            wall=f"{begun:%Y-%m-%dT%H:%M:%SZ}",
            probes=tuple(_as_of(probe, self._probes) for probe in self._session.probes),
            segment=self._number,
        )
        name = f"{PREFIX}{begun:%Y%m%dT%H%M%SZ}-{self._number:06d}"
        self._writer.begin(name, self._options.keep, session)
        for event in self._state.events():
            self._writer.write_event(event)
        for finding in self._open.values():
            if finding.id not in without:
                known = replace(finding, status="open")
                self._segment.count(known)
                self._writer.write_finding(known)

    def _end(self, end: End) -> None:
        """A verdict of this segment."""
        assert self._segment is not None
        self._writer.write_end(self._segment.verdict(end))
        self._segment = None

    def _write(self, event: Event, findings: list[Finding]) -> None:
        assert self._segment is not None
        self._know(event)
        if isinstance(event, Lost):  # of this segment, not of all that came before
            number = event.count - self._lost_before.get(event.what, 0)
            if not number:
                return
            event = replace(event, count=number)
            self._segment.lost[event.what] = number
        self._writer.write_event(event)
        for finding in findings:
            self._segment.count(finding)
            self._writer.write_finding(finding)

    def _know(self, event: Event) -> None:
        """It is told, or nobody will ever be told of it."""
        self._state.feed(event)
        match event:
            case ProbeChange():
                self._probes[event.function] = event
            case Lost():
                self._lost[event.what] = event.count

    def _forget(self, until: float) -> None:
        while self._before and (self._before[0][0].t < until or len(self._before) > _KEPT_EVENTS):
            event, _ = self._before.popleft()
            self._dropped += event.t >= until
            self._know(event)

    def _tell(self, note: _Note) -> None:
        failure = self._writer.failure or ""
        if failure != self._told:
            self._told = failure
            note(f"recording fails: {failure}")


def _as_of(probe: Probe, changes: dict[str, ProbeChange]) -> Probe:
    change = changes.get(probe.function)
    return Probe(change.function, change.hook, change.state, change.why) if change else probe

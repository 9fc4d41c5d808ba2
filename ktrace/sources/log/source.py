"""A kernel log as a source of events: dmesg, syslog, journal, /dev/kmsg, of every era.

It is read as a stream, in constant memory. Reports of several CPUs may be interleaved: a line goes
to the oldest report that has a use for it, by the printing task where the log tells that.
"""

import re
from collections.abc import Iterator

from ktrace.events import Event, OomReaped, OomReport
from ktrace.sources.log import headless, held_locks, hung, nmi_backtrace, oom_group
from ktrace.sources.log.alarms import call_trace
from ktrace.sources.log.alike import Alike
from ktrace.sources.log.boots import Boots
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.kinds import ALIKE, KINDS
from ktrace.sources.log.line import LogLine, seconds
from ktrace.sources.log.oom_calls import OomCalls
from ktrace.sources.log.oom_victims import OomVictims
from ktrace.sources.log.open_report import OpenReport
from ktrace.sources.log.readable import Readable
from ktrace.sources.log.repeated_lines import RepeatedLines
from ktrace.sources.log.shape import Found

_SUPPRESSED = re.compile(r"BUG: Bad page state: (\d{1,12}) messages suppressed")
_NO_TRACES_AFTER = ("oom", "call-trace")  # the kernel prints none that belong to these
_OF_HUNG = frozenset({"hung", "held-locks", "nmi-backtrace"})  # what khungtaskd prints
_OPEN_MAX = 16  # reports at the same time: more is no kernel's log


def _seconds_between(entry: OpenReport, line: LogLine) -> float:
    """From the report's first line on; 0.0 where it is not known."""
    began = entry.report.t
    return line.t - began if line.t is not None and began is not None else 0.0


class KernelLogSource:
    """Feed the events to the detectors in the order in which they come."""

    def __init__(self, stream: Readable, boot_id: str = "") -> None:
        """boot_id: of the running kernel, when the log is its own."""
        self.suppressed = 0  # bad pages that the kernel did not report
        self.untold = 0  # number of the first line of a report that is not whole
        self.mentioned = 0  # lines that quote the first line of a report
        self.first_mention = 0  # number of the first of them
        self.hung_suppressed: list[int] = []  # lines in which khungtaskd says that it stops
        self.lines = RepeatedLines(stream, KINDS, ALIKE, lambda: bool(self._open), self._is_free)
        self._boots = Boots(boot_id)
        self._open: list[OpenReport] = []
        self._oom_calls = OomCalls()
        self._oom_victims = OomVictims()
        self._oom_groups = oom_group.OomGroups()
        self._traced = -call_trace.NEAR  # number of the last line of a report with call traces
        self._hung = -nmi_backtrace.NEAR  # of a hung task's report, or the locks that follow

    def events(self) -> Iterator[Event]:
        """All reports of the log, each when its last line has been read."""
        for line in self.lines:
            if line.repeat is not None:
                yield from self._repeat(line, *line.repeat)
            elif line.head is not None:
                yield from self._begin(line)
            elif line.whole is None:
                self._take(line)
            elif len(self._open) > 1 or not self._open[0].take_whole(line):
                for part in line.apart():
                    self._take(part)
                    yield from self._close_done()
            if self._open and (self._open[0].done or len(self._open) > _OPEN_MAX):
                yield from self._close_done()
        yield from self._close_all()

    def _begin(self, line: LogLine) -> Iterator[Event]:
        """A line that is the first of a report, or parts reports."""
        assert line.head
        if line.mentioned:
            self._mention(line)
            return
        kind, match = line.head
        self._end_old(line)
        if any(entry.has(kind) for entry in self._open) or self._is_others(kind, line):
            self._take(line)
            return
        if kind in headless.KINDS and (self._open or line.number - self._traced < call_trace.NEAR):
            self._traced = line.number
            self._take(line)
            return
        if self._boots.line(line):
            yield from self._close_all()
        if kind.report is None:
            if kind is hung.SUPPRESSED:
                self.hung_suppressed.append(line.number)
            elif kind is oom_group.KIND:
                self._oom_groups.begin(line, match)
            return
        if self._open and self._open[-1].lines == 0 and self._again(line):
            return
        for entry in self._open:
            entry.report.finished |= _seconds_between(entry, line) > entry.report.yields_after
            entry.report.finished |= entry.kind is kind and entry.is_quoted
            if entry.kind in headless.KINDS or (kind.alone and entry.kind.name == kind.name):
                entry.report.finished |= entry.report.caller == line.caller
        report = kind.report(line, match)
        self._open = [entry for entry in self._open if not entry.report.announces(report)]
        self._open.append(OpenReport(kind, report, self._boots.id(line)))

    def _is_free(self, alike: Alike) -> bool:
        """Whether such a report would begin and end what is being read, and nothing else."""
        for entry in self._open:
            if not entry.is_ended_by(alike.kind) or entry.report.kernel not in ("", alike.kernel):
                return False
        return self._boots.goes_on_with(alike.kernel)

    def _repeat(self, line: LogLine, alike: Alike, found: Found) -> Iterator[Event]:
        """A whole report: as _begin(), all lines, and _close() would have it."""
        self._boots.report(line)
        if self._open:
            yield from self._close_all()
        boot = self._boots.of_report(alike.kernel, self._boots.id(line))
        last = line.number + found.own - 1
        self._closed(alike.kind, last, found.own)
        yield from self._with_counts(alike.event(found, seconds(line), boot, (line.number, last)))

    def _is_others(self, kind: Kind, line: LogLine) -> bool:
        """The back traces and locks that belong to another report than a hung task's."""
        if kind is nmi_backtrace.KIND:
            return not self._near_hung(line)
        if kind is not held_locks.KIND or line.text.startswith("Showing"):
            return False
        return bool(self._open) and not self._near_hung(line)

    def _near_hung(self, line: LogLine) -> bool:
        names = {entry.kind.name for entry in self._open}
        near = line.number - self._hung < nmi_backtrace.NEAR
        return (near or "hung" in names) and names <= _OF_HUNG

    def _end_old(self, line: LogLine) -> None:
        """Reports that began so long ago that the rest of them will not come."""
        for entry in self._open:
            entry.report.finished |= _seconds_between(entry, line) > entry.report.seconds_max

    def _again(self, line: LogLine) -> bool:
        """The same first line a second time, by a logger that has it from two sources."""
        return self._open[-1].report.first_text == line.text

    def _mention(self, line: LogLine) -> None:
        if line.stamped and not line.mentioned:  # the kernel printed it, and more, which is lost
            self.untold = self.untold or line.number
            return
        self.mentioned += 1
        self.first_mention = self.first_mention or line.number

    def _take(self, line: LogLine) -> None:
        """To the first report that it is a line of."""
        for entry in self._open:
            if entry.take(line):
                return
        if line.text.startswith("BUG: Bad") and (match := _SUPPRESSED.match(line.text)):
            self.suppressed += int(match[1])

    def _close_done(self) -> Iterator[Event]:
        while self._open and (self._open[0].done or len(self._open) > _OPEN_MAX):
            yield from self._close()

    def _close(self) -> Iterator[Event]:
        """The report that began first."""
        entry = self._open.pop(0)
        self._closed(entry.kind, entry.report.last, entry.lines)
        if entry.report.mentioned:
            self._mention(entry.report.first)
            return
        if entry.report.untold:
            self.untold = self.untold or entry.report.lines[0]
        for event in entry.report.events(self._boots.of_report(entry.report.kernel, entry.boot)):
            yield from self._with_counts(event)

    def _closed(self, kind: Kind, last: int, lines: int) -> None:
        """last: number of the report's last line."""
        if kind.name not in _NO_TRACES_AFTER and lines:
            self._traced = last
        if kind.name in _OF_HUNG:
            self._hung = last

    def _with_counts(self, event: Event) -> tuple[Event, ...]:
        """What reports of the OOM killer, and of its reaper, have to do with one another."""
        if isinstance(event, OomReport):
            event = self._oom_groups.of(event)
            self._oom_victims.add(event)
            return (event,) if event.group else (event, self._oom_calls.count(event))
        if isinstance(event, OomReaped):
            return (self._oom_victims.of(event),)
        return (event,)

    def _close_all(self) -> Iterator[Event]:
        while self._open:
            yield from self._close()

"""A kernel log as a source of events: dmesg, syslog, journal, /dev/kmsg, of every era.

It is read as a stream, in constant memory. Reports of several CPUs may be interleaved: a line goes
to the oldest report that has a use for it, by the printing task where the log tells that.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ktrace.events import BadPage, HungReport, OomActivity, OomReport
from ktrace.sources.log import bad_page, hung, oom
from ktrace.sources.log.input import LogInput, Readable
from ktrace.sources.log.line import LineParser, LogLine
from ktrace.sources.log.oom_calls import OomCalls
from ktrace.sources.log.report import Report

LogEvent = BadPage | OomReport | HungReport | OomActivity

_VERSION = re.compile(r"Linux version (?P<release>\d+\.\d\S*)(?:.*?(?P<build> #\d+\S*))?")
_REBOOT = re.compile(r"-- Reboot --|-- Boot [0-9a-f]{32} --")
_BACK_S = 1.0  # CPUs' clocks differ by less; time that goes back further is another boot
_OPEN_MAX = 16  # reports at the same time: more is no kernel's log


@dataclass(slots=True)
class _Open:
    """A report that is being read."""

    report: Report
    boot: str
    lines: int = 0
    foreign: int = 0  # lines of others since the last of its own

    def take(self, line: LogLine) -> bool:
        if line.caller != self.report.caller:
            return False
        taken = self.report.take(line)
        self.lines += 1
        self.foreign = 0 if taken else self.foreign + 1
        return taken

    @property
    def done(self) -> bool:
        report = self.report
        return report.finished or self.lines > report.lines_max or self.foreign > report.foreign_max


class KernelLogSource:
    """Feed the events to the detectors in the order in which they come."""

    def __init__(self, stream: Readable, boot_id: str = "") -> None:
        """boot_id: of the running kernel, when the log is its own."""
        self.input = LogInput(stream)
        self.suppressed = 0  # bad pages that the kernel did not report
        self._parser = LineParser()
        self._boots = _Boots(boot_id)
        self._open: list[_Open] = []
        self._oom_calls = OomCalls()

    def events(self) -> Iterator[LogEvent]:
        """All reports of the log, each when its last line has been read."""
        for position, raw in self.input.lines(lambda: bool(self._open)):
            line = self._parser.parse(position, raw)
            self._boots.line(line)
            if line.text:
                self._take(line)
                yield from self._closed()
        yield from self._closed(everything=True)

    def _take(self, line: LogLine) -> None:
        if match := re.match(r"BUG: Bad page state: (\d{1,12}) messages suppressed", line.text):
            self.suppressed += int(match[1])
            return
        begun = _begin(line, self._open)
        if begun is not None:
            self._open.append(_Open(begun, self._boots.id(line)))
            return
        for entry in self._open:
            if not entry.report.finished and entry.take(line):
                return

    def _closed(self, everything: bool = False) -> Iterator[LogEvent]:
        """Reports that are complete, in the order in which they began."""
        while self._open and (everything or self._open[0].done or len(self._open) > _OPEN_MAX):
            entry = self._open.pop(0)
            event = entry.report.event(self._boots.of_report(entry.report, entry.boot))
            assert isinstance(event, LogEvent)
            yield event
            if isinstance(event, OomReport):
                yield self._oom_calls.count(event)


def _begin(line: LogLine, opened: list[_Open]) -> Report | None:
    """The report whose first line this is."""
    text = line.text
    if "Bad page state in process" in text and (match := bad_page.HEAD.search(text)):
        return bad_page.BadPageReport(line, match)
    if " blocked " in text and (match := hung.HEAD.search(text)):
        return hung.HungTaskReport(line, match)
    if oom.INVOKED.match(text):
        for entry in opened:  # there is one at a time (oom_lock): the end of that one is missing
            if isinstance(entry.report, oom.OomKillerReport):
                entry.report.finished = True
        return oom.OomKillerReport(line)
    waiting = any(isinstance(entry.report, oom.OomKillerReport) for entry in opened)
    if not waiting and (oom.KILLED.match(text) or oom.NOBODY.match(text)):
        return oom.OomKillerReport(line)  # the log begins in the middle of a report
    return None


class _Boots:
    """Which boot a report belongs to: by the journal's id, the kernel's first line, a new build of
    the kernel, or time that goes back. Boots that none of it tells apart count as one."""

    def __init__(self, boot_id: str) -> None:
        self._boot_id = boot_id
        self._number = 1
        self._t: float | None = None
        self._kernel = ""
        self._fresh = True  # nothing of this boot was seen

    def line(self, line: LogLine) -> None:
        version = "Linux version " in line.text and _VERSION.search(line.text)
        if version:
            if not self._fresh and not self._just_began():
                self._begin()
            self._fresh = False
            self._kernel = f"{version['release']}{version['build'] or ''}"
        elif _REBOOT.search(line.text):
            if not self._fresh:
                self._begin()
            self._fresh = True
        elif line.t is not None and self._t is not None and line.t < self._t - _BACK_S:
            self._begin()
        elif line.text:
            self._fresh = False
        if line.t is not None:
            self._t = line.t

    def _just_began(self) -> bool:
        """Something was printed before the kernel's version, as early microcode updates do."""
        return not self._kernel and self._t is not None and self._t < _BACK_S

    def id(self, line: LogLine) -> str:
        return self._boot_id or line.boot or f"boot {self._number} of the log"

    def of_report(self, report: Report, boot: str) -> str:
        """The boot of a report that began in `boot`, now that it has said its kernel."""
        kernel = report.kernel
        if not kernel or boot != f"boot {self._number} of the log":
            return boot
        if (self._kernel and kernel.split()[0] != self._kernel.split()[0]) or (
            " " in kernel and " " in self._kernel and kernel != self._kernel
        ):
            self._number += 1
            self._kernel = kernel
            return f"boot {self._number} of the log"
        self._kernel = self._kernel if " " in self._kernel else kernel
        return boot

    def _begin(self) -> None:
        self._number += 1
        self._fresh = False
        self._t = None
        self._kernel = ""

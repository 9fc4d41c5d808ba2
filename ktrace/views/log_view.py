"""What a kernel log tells, as lines or as JSON."""

import json
import os
import sys
from collections.abc import Callable
from functools import partial

from ktrace.detectors.alarms import Alarms
from ktrace.detectors.analysis import Analysis
from ktrace.detectors.bad_page import BadPages
from ktrace.events import (
    BadPage,
    Event,
    HungReport,
    OomActivity,
    OomReaped,
    OomReport,
    OomUnreaped,
    TaskDump,
    to_json,
)
from ktrace.findings import AlarmFinding, BadPageFinding, End, Finding, HungTask, OomLivelock
from ktrace.views import hung_text, oom_report_text, words
from ktrace.views.bad_page_groups import AlikePages
from ktrace.views.bad_page_text import trigger_text
from ktrace.views.finding_notes import FindingNotes
from ktrace.views.finding_text import detail_lines, finding_line
from ktrace.views.json_lines import JsonLinesView
from ktrace.views.oom_groups import AlikeOoms, reaped_line
from ktrace.views.output import say
from ktrace.views.safe_text import safe
from ktrace.views.task_dump_text import TaskDumps
from ktrace.views.view import View

_RED, _PLAIN = "\x1b[1;31m", "\x1b[m"


def log_view(as_json: bool, notes: FindingNotes | None = None) -> View:
    """The view for `ktrace dmesg`; colours only on a terminal."""
    if as_json:
        return LogJsonView(notes or FindingNotes())
    colours = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return LogLinesView(colours, notes)


class LogLinesView:
    """A paragraph for each report, the verdicts last."""

    child_output = "inherited"
    wake_fd = None

    def __init__(self, colours: bool = False, notes: FindingNotes | None = None) -> None:
        self._colours = colours
        self._notes = notes or FindingNotes()

    def start(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._oom = 0
        self._hung = 0
        self._ooms = AlikeOoms()
        self._dumps = TaskDumps()
        self._pages = AlikePages()
        self._going_on: dict[str, OomLivelock] = {}  # newest, by id
        self._boot: tuple[str, str] | None = None

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        if isinstance(event, (BadPage, OomReport, HungReport)):
            self._tell_boot(event)
        match event:
            case OomReport():
                self._oom += 1
                if self._ooms.show(event):
                    self._say(event.t, oom_report_text.line(event))
                    self._details(oom_report_text.details(event))
            case OomReaped() if self._ooms.reaped(event):
                self._say(event.t, reaped_line(event))
            case OomUnreaped():
                self._ooms.reaped(event)  # an alarm tells of it
            case TaskDump() if event.state == "D":
                self._dumps.add(event)
            case HungReport():
                self._hung += 1
        if event is None and (hung := hung_text.hung_tasks(findings)):
            self._say_hung(hung)
            findings = [finding for finding in findings if not isinstance(finding, HungTask)]
        if event is None:
            self._details(self._pages.rest())
        for finding in findings:
            if isinstance(finding, BadPageFinding) and not self._pages.show(finding):
                continue
            if isinstance(finding, OomLivelock) and self._goes_on(finding):
                continue
            line = finding_line(finding)
            if event is None and not isinstance(finding, AlarmFinding):
                say()
            paint = partial(self._coloured, finding=finding)
            self._say(finding.t if event else None, line, paint)
            self._details(detail_lines(finding))
            self._details(self._notes.lines(finding))
            if isinstance(event, BadPage) and event.owner:
                self._details([safe(line) for line in event.owner])

    def _goes_on(self, finding: OomLivelock) -> bool:
        """Numbers of one that was told are told again at its end, or that of the log."""
        self._going_on.pop(finding.id, None)
        if finding.status != "update":
            return False
        self._going_on[finding.id] = finding
        return True

    def _say_hung(self, hung: list[HungTask]) -> None:
        """Thousands of hung tasks wait in a few places."""
        say()
        for group in hung_text.grouped(hung):
            line = hung_text.group_line(group)
            self._say(None, line, self._red)
            self._details(hung_text.details(group[0]))
            self._details(self._notes.lines(group[0]))

    def tick(self, t: float) -> None:
        pass

    def note(self, text: str) -> None:
        say(f"note: {safe(text)}")

    def end(self, end: End) -> None:
        for finding in self._going_on.values():
            self._say(finding.t, finding_line(finding), self._red)
            self._details(detail_lines(finding))
        for line in (*self._ooms.rest(), *self._dumps.lines()):
            say(line)
        pages = self._analysis.of(BadPages).total
        say()
        say(
            f"{words.count(pages, 'bad page')}, {words.count(self._oom, 'OOM report')}, "
            f"{words.count(self._hung, 'hung-task report')}, "
            f"{words.count(self._analysis.of(Alarms).total, 'alarm')}"
        )
        say(f"verdict: {end.verdict}" + (f" ({safe(end.why)})" if end.why else ""))

    def close(self) -> None:
        pass

    def _tell_boot(self, event: BadPage | OomReport | HungReport) -> None:
        boot = (event.boot, event.kernel)
        if self._boot and self._boot[0] == event.boot and not event.kernel:
            return
        if boot != self._boot:
            self._boot = boot
            say(f"-- {safe(event.boot)}, Linux {safe(event.kernel or 'of unknown release')} --")

    def _coloured(self, line: str, finding: Finding) -> str:
        """The offending bits stand out."""
        if not self._colours or not isinstance(finding, BadPageFinding):
            return self._red(line)
        for trigger in map(trigger_text, finding.triggered):
            line = line.replace(trigger, f"{_RED}{trigger}{_PLAIN}")
        return line

    def _red(self, line: str) -> str:
        return f"{_RED}{line}{_PLAIN}" if self._colours else line

    def _say(self, t: float | None, text: str, paint: Callable[[str], str] | None = None) -> None:
        say(f"{'' if t is None else f'{t:12.6f}  '}{text}", paint)

    def _details(self, lines: list[str]) -> None:
        for line in filter(None, lines):
            say(f"{'':14}{line}")


class LogJsonView(JsonLinesView):
    """Events too: a log is read for what is in it. Findings of known bugs say so."""

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        if event is not None and not isinstance(event, OomActivity):  # it only counts
            say(json.dumps(to_json(event), separators=(",", ":")))
        super().event(event, findings)

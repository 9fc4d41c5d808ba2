"""Findings as text that one would paste into a mail to a kernel list."""

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event
from ktrace.findings import End, Finding
from ktrace.problems import PROBLEMS, Problem
from ktrace.views import words
from ktrace.views.fit import fit
from ktrace.views.kill_report import kill_section
from ktrace.views.output import say
from ktrace.views.safe_text import safe
from ktrace.views.summary import probe_count, summary_lines

_FINDINGS_KEPT = 10_000
_VERSIONS_KEPT = 2  # of a finding: the newest, and what it was like before it was resolved


class ReportView:
    """Collects while events pass; prints at the end."""

    child_output = "inherited"

    def __init__(self, file: str = "") -> None:
        """file: heads the report, where it is one of several."""
        self._file = file

    def start(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._told: dict[str, list[Finding]] = {}
        self._left_out = 0
        self._notes: list[str] = []

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        for finding in findings:
            if finding.id not in self._told and len(self._told) >= _FINDINGS_KEPT:
                self._left_out += 1
                continue
            versions = self._told.setdefault(finding.id, [])
            versions.append(finding)
            del versions[:-_VERSIONS_KEPT]

    def tick(self, t: float) -> None:
        pass

    def note(self, text: str) -> None:
        self._notes.append(text)

    def end(self, end: End) -> None:
        for line in self._lines(end):
            say(line)

    def close(self) -> None:
        pass

    def _lines(self, end: End) -> list[str]:
        lines = self._head()
        for problem in PROBLEMS:
            lines += self._section(problem)
        return [*lines, *kill_section(self._analysis), *self._foot(end)]

    def _head(self) -> list[str]:
        session = self._analysis.session
        return [
            *([f"==== {safe(self._file)} ===="] if self._file else []),
            f"ktrace {session.ktrace} {session.command} on {safe(session.host)}",
            f"  kernel   {safe(session.kernel)} {safe(session.machine)}",
            f"  boot     {safe(session.boot_id)}",
            f"  traced   {safe(session.wall)}{self._until()}",
            f"  probes   {probe_count(self._analysis)}, loader {safe(session.loader)}",
            *(part for text in session.warnings for part in fit(f"  note     {safe(text)}")),
            "",
        ]

    def _until(self) -> str:
        """ " to 22:13:04Z, for 50.9s"."""
        session, t = self._analysis.session, self._analysis.t
        wall = words.wall_clock(session, t)
        return (f" to {wall}" if wall else "") + f", for {words.watched(session, t)}"

    def _section(self, problem: Problem) -> list[str]:
        """Of a problem that the command is not about, what was seen of it."""
        told = {
            name: versions
            for name, versions in (self._told | self._analysis.aside).items()
            if versions[-1].finding in problem.findings
        }
        if not told and problem not in self._analysis.reported:
            return []
        return problem.view_module().report(self._analysis, told)

    def _foot(self, end: End) -> list[str]:
        more = f"{self._left_out} more findings are left out above"
        lines = [
            *([more] if self._left_out else []),
            *summary_lines(self._analysis, end, brief=True),
            *(f"note: {safe(n)}" for n in self._notes),
        ]
        blank = [""] if self._file else []
        return [*(part for line in lines for part in fit(line)), *blank]

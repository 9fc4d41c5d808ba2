"""Findings as text that one would paste into a mail to a kernel list."""

from ktrace.detectors.analysis import REPORTED, Analysis
from ktrace.detectors.kills import Kill
from ktrace.events import Event
from ktrace.findings import End, Finding, OomLivelock, StuckTask
from ktrace.views import livelock_summary, words
from ktrace.views.bad_page_report import BadPageReport
from ktrace.views.fit import fit
from ktrace.views.kill_timeline import outcome, timeline
from ktrace.views.lines import kill_line
from ktrace.views.safe_text import safe
from ktrace.views.summary import probe_count, summary_lines
from ktrace.views.text_table import text_table

_KILLS_SHOWN = 40
_TIMELINES_SHOWN = 4


class ReportView:
    """Collects while events pass; prints at the end."""

    child_output = "inherited"

    def start(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._newest: dict[str, StuckTask] = {}
        self._bad_pages = BadPageReport()
        self._livelocks: dict[str, list[OomLivelock]] = {}  # each as it was told
        self._notes: list[str] = []

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        for finding in findings:
            if isinstance(finding, OomLivelock):
                self._livelocks.setdefault(finding.id, []).append(finding)
                continue
            if not isinstance(finding, StuckTask):
                self._bad_pages.add(finding)
                continue
            self._newest[finding.id] = finding

    def tick(self, t: float) -> None:
        pass

    def note(self, text: str) -> None:
        self._notes.append(text)

    def end(self, end: End) -> None:
        for line in self._lines(end):
            print(line)

    def close(self) -> None:
        pass

    def _lines(self, end: End) -> list[str]:
        bad_pages = self._bad_pages.lines()
        about_pages = self._analysis.session.command in ("bad-page", "dmesg")
        if about_pages and not bad_pages:
            bad_pages = ["No page was bad.", ""]
        stuck = self._stuck() if self._tells("stuck-task") else []
        livelocks = livelock_summary.section(self._analysis, self._livelocks)
        found = [*bad_pages, *stuck, *livelocks]
        return [*self._head(), *found, *self._kills(), *self._foot(end)]

    def _head(self) -> list[str]:
        session = self._analysis.session
        return [
            f"ktrace {session.ktrace} {session.command} on {safe(session.host)}",
            f"  kernel   {safe(session.kernel)} {safe(session.machine)}",
            f"  boot     {safe(session.boot_id)}",
            f"  traced   {safe(session.wall)}, for {words.seconds(self._duration())}",
            f"  probes   {probe_count(self._analysis)}, loader {safe(session.loader)}",
            *(f"  note     {safe(warning)}" for warning in session.warnings),
            "",
        ]

    def _duration(self) -> float:
        return max(0.0, self._analysis.t - self._analysis.session.t)

    def _tells(self, finding: str) -> bool:
        return finding in REPORTED.get(self._analysis.session.command, (finding,))

    def _stuck(self) -> list[str]:
        if not self._newest:
            return ["No thread was stuck after SIGKILL.", ""]
        stuck, t = self._analysis.stuck, self._analysis.t
        self._newest = {key: stuck.at_longest(f, t) for key, f in self._newest.items()}
        lines = [
            f"{words.count(len(self._newest), 'thread')} did not die when killed:",
            *self._table(),
        ]
        for finding, names in self._by_stack():
            lines += ["", *self._describe(finding, names)]
        return [*lines, ""]

    def _table(self) -> list[str]:
        rows = [("THREAD", "STATE", "STUCK", "WAITS IN", "PRIMITIVE", "END")]
        for finding in self._newest.values():
            ended = finding.outcome is not None
            age = finding.stuck_s if ended else self._analysis.stuck.age(finding, self._analysis.t)
            rows.append(
                (
                    words.task_name(finding.comm, finding.pid, finding.tid),
                    finding.state,
                    words.stuck_for(finding, age),
                    words.waits_in(finding),
                    words.primitive(finding),
                    words.signal_name(finding.outcome.exit_signal)
                    if finding.outcome
                    else "still stuck",
                )
            )
        return text_table(rows, "  ")

    def _by_stack(self) -> list[tuple[StuckTask, list[str]]]:
        """One finding for each stack and killer, with the names of all threads that had them."""
        groups: dict[object, tuple[StuckTask, list[str]]] = {}
        for finding in self._newest.values():
            killed = finding.killed
            group = (
                finding.state,
                finding.stack,
                killed.by,
                killed.pid,
                killed.why,
                finding.blocked_by,
            )
            names = groups.setdefault(group, (finding, []))[1]
            names.append(words.task_name(finding.comm, finding.pid, finding.tid))
        return [*groups.values()]

    def _describe(self, finding: StuckTask, names: list[str]) -> list[str]:
        shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        lines = fit(f"{shown}: {words.killed_by(finding.killed)}")
        lines += [f"    {safe(frame)}" for frame in finding.stack]
        for line in (words.meaning(finding), *words.blocked_by(finding)):
            lines += fit(f"  {line}")
        return lines

    def _kills(self) -> list[str]:
        kills = list(self._analysis.kills.oom)[-_KILLS_SHOWN:]
        if not kills:
            return []
        start = self._analysis.session.t
        lines = ["OOM kills:"]
        for kill in kills:
            lines += fit(f"  {kill.begun_t - start:8.3f}s {kill_line(kill)}; {outcome(kill)}")
        more = self._analysis.kills.oom_total - len(kills)
        lines += [f"  and {more} before these"] if more else []
        lines += ["", "OOM kill timelines (ms since the first step, and since the step before):"]
        few = len(kills) <= 2 * _TIMELINES_SHOWN
        first, last = (kills, []) if few else (kills[:_TIMELINES_SHOWN], kills[-_TIMELINES_SHOWN:])
        for kill in first:
            lines += _timeline(kill)
        if last:
            left_out = words.count(len(kills) - 2 * _TIMELINES_SHOWN, "kill")
            lines.append(f"  ... {left_out} not shown ...")
        for kill in last:
            lines += _timeline(kill)
        return [*lines, ""]

    def _foot(self, end: End) -> list[str]:
        return [
            *summary_lines(self._analysis, end, True),
            *(f"note: {safe(n)}" for n in self._notes),
        ]


def _timeline(kill: Kill) -> list[str]:
    return [part for line in timeline(kill) for part in fit(f"  {line}")]

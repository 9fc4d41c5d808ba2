"""Findings as text that one would paste into a mail to a kernel list."""

from dataclasses import replace

from ktrace.detectors.analysis import REPORTED, Analysis
from ktrace.events import Event
from ktrace.findings import End, Finding, OomLivelock, StuckTask
from ktrace.views import livelock_summary, words
from ktrace.views.bad_page_report import BadPageReport
from ktrace.views.kill_timeline import timeline
from ktrace.views.lines import kill_line
from ktrace.views.safe_text import safe
from ktrace.views.summary import probe_count, summary_lines

_KILLS_SHOWN = 40
_TIMELINES_SHOWN = 4


class ReportView:
    """Collects while events pass; prints at the end."""

    child_output = "inherited"

    def start(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._first: dict[str, StuckTask] = {}
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
            self._first.setdefault(finding.id, finding)
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
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]

    def _by_stack(self) -> list[tuple[StuckTask, list[str]]]:
        """One finding for each stack and killer, with the names of all threads that had them."""
        groups: dict[object, tuple[StuckTask, list[str]]] = {}
        for key, newest in self._newest.items():
            # blocked_by as it was when it was found
            shown = replace(self._first[key], stack=newest.stack, killed=newest.killed)
            group = (newest.stack, newest.killed.by, newest.killed.pid)
            names = groups.setdefault(group, (shown, []))[1]
            names.append(words.task_name(newest.comm, newest.pid, newest.tid))
        return [*groups.values()]

    def _describe(self, finding: StuckTask, names: list[str]) -> list[str]:
        shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        lines = [f"{shown}: {words.killed_by(finding.killed)}"]
        lines += [f"    {safe(frame)}" for frame in finding.stack]
        lines.append(f"  {words.meaning(finding)}")
        lines += [f"  {line}" for line in words.in_the_way(finding)]
        return lines

    def _kills(self) -> list[str]:
        kills = list(self._analysis.oom.kills)[-_KILLS_SHOWN:]
        if not kills:
            return []
        start = self._analysis.session.t
        lines = ["OOM kills:"]
        for kill in kills:
            end = (
                f"dead after {words.seconds(kill.died_t - kill.t)} "
                f"by {words.signal_name(kill.exit_signal)}"
                if kill.died_t is not None
                else "not seen to die"
            )
            lines.append(f"  {kill.t - start:8.3f}s {kill_line(kill)}; {end}")
        more = self._analysis.oom.total - len(kills)
        lines += [f"  and {more} before these"] if more else []
        lines += ["", "The life of each kill (ms since the first step, and since the step before):"]
        few = len(kills) <= 2 * _TIMELINES_SHOWN
        first, last = (kills, []) if few else (kills[:_TIMELINES_SHOWN], kills[-_TIMELINES_SHOWN:])
        for kill in first:
            lines += [f"  {line}" for line in timeline(kill)]
        if last:
            lines.append(f"  ... {len(kills) - 2 * _TIMELINES_SHOWN} kills left out here ...")
        for kill in last:
            lines += [f"  {line}" for line in timeline(kill)]
        return [*lines, ""]

    def _foot(self, end: End) -> list[str]:
        return [
            *summary_lines(self._analysis, end, True),
            *(f"note: {safe(n)}" for n in self._notes),
        ]

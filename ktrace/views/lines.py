"""Plain lines, streamed as things happen: for pipes, logs and dumb terminals."""

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.kills import Kill, KillOver, OomKilled
from ktrace.events import Event, ProbeChange
from ktrace.findings import End, Finding
from ktrace.views import words
from ktrace.views.finding_text import detail_lines, finding_line
from ktrace.views.kill_timeline import compact
from ktrace.views.output import complain, say
from ktrace.views.safe_text import safe
from ktrace.views.summary import head_lines, summary_lines


class LinesView:
    """Times are seconds since the start of tracing."""

    child_output = "inherited"
    wake_fd = None

    def start(self, analysis: Analysis) -> None:
        self._analysis = analysis
        for line in head_lines(analysis):
            say(line)

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        if event is not None:
            self._say_kills()
        if isinstance(event, ProbeChange):
            self._say(event.t, f"probe {event.function}: {event.state} {safe(event.hook)}")
        for finding in findings:
            self._say(finding.t, finding_line(finding))
            for line in detail_lines(finding) if finding.status == "open" else ():
                say(f"{'':11}{line}")

    def tick(self, t: float) -> None:
        pass

    def note(self, text: str) -> None:
        complain(f"ktrace: {text}")

    def end(self, end: End) -> None:
        for line in summary_lines(self._analysis, end):
            say(line)

    def close(self) -> None:
        pass

    def _say_kills(self) -> None:
        """The beginning of an OOM kill, and its end with its steps."""
        for change in self._analysis.changes:
            if isinstance(change, OomKilled):
                self._say(change.kill.begun_t, kill_line(change.kill))
            elif isinstance(change, KillOver) and change.kill.oom:
                kill = change.kill
                t = kill.died_t if kill.died_t is not None else kill.last_t
                self._say(t, f"OOM kill of {words.name_of(kill.victim)}: {compact(kill)}")

    def _say(self, t: float, text: str) -> None:
        say(f"{t - self._analysis.session.t:9.3f}s {text}")


def kill_line(kill: Kill) -> str:
    """ "OOM kill: appd[377], 41 MiB, order 0 GFP_KERNEL, invoked by sh[388]"."""
    parts = [f"OOM kill: {words.name_of(kill.victim)}"]
    if kill.choice:
        parts += [words.kill_memory(kill), words.kill_request(kill)]
        parts.append(f"cgroup {safe(kill.choice.cgroup)}")
    parts.append(f"invoked by {words.invoked_by(kill)}")
    return ", ".join(parts)

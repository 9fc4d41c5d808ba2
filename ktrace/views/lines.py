"""Plain lines, streamed as things happen: for pipes, logs and dumb terminals."""

import sys

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.oom_kills import Kill
from ktrace.events import Event, OomKill, OomVictim, ProbeChange, TaskDead
from ktrace.findings import End, Finding
from ktrace.views import words
from ktrace.views.finding_text import detail_lines, finding_line
from ktrace.views.kill_timeline import compact
from ktrace.views.safe_text import safe
from ktrace.views.summary import head_lines, summary_lines


class LinesView:
    """Times are seconds since the start of tracing."""

    child_output = "inherited"

    def start(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._kills = 0
        for line in head_lines(analysis):
            _print(line)

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        if isinstance(event, OomKill | OomVictim) and self._analysis.oom.total > self._kills:
            self._kills = self._analysis.oom.total
            self._say(event.t, kill_line(self._analysis.oom.kills[-1]))
        if isinstance(event, TaskDead):
            self._say_death(event)
        if isinstance(event, ProbeChange):
            self._say(event.t, f"probe {event.function}: {event.state} {safe(event.hook)}")
        for finding in findings:
            self._say(finding.t, finding_line(finding))
            for line in detail_lines(finding) if finding.status == "open" else ():
                _print(f"{'':11}{line}")

    def tick(self, t: float) -> None:
        pass

    def note(self, text: str) -> None:
        print(f"ktrace: {text}", file=sys.stderr, flush=True)

    def end(self, end: End) -> None:
        for line in summary_lines(self._analysis, end):
            _print(line)

    def close(self) -> None:
        pass

    def _say_death(self, event: TaskDead) -> None:
        """The end of an OOM kill, with its steps."""
        for kill in reversed(self._analysis.oom.kills):
            if kill.died_t == event.t and kill.victim.tid == event.task.tid:
                self._say(event.t, f"OOM kill of {words.name_of(kill.victim)}: {compact(kill)}")
                return

    def _say(self, t: float, text: str) -> None:
        _print(f"{t - self._analysis.session.t:9.3f}s {text}")


def kill_line(kill: Kill) -> str:
    """ "OOM kill: appd[377], 41 MiB, order 0 GFP_KERNEL, asked by sh[388]"."""
    parts = [f"OOM kill: {words.name_of(kill.victim)}"]
    if kill.choice:
        parts += [words.kill_memory(kill), words.kill_request(kill)]
        parts.append(f"cgroup {safe(kill.choice.cgroup)}")
    parts.append(f"asked by {words.name_of(kill.by)}")
    return ", ".join(parts)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()

"""No screen: only what the user must know, on stderr."""

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event
from ktrace.findings import End, Finding
from ktrace.views.output import complain
from ktrace.views.summary import head_lines, summary_lines


class QuietView:
    """Head and summary."""

    child_output = "inherited"
    wake_fd = None

    def start(self, analysis: Analysis) -> None:
        self._analysis = analysis
        for line in head_lines(analysis):
            self.note(line)

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        pass

    def tick(self, t: float) -> None:
        pass

    def note(self, text: str) -> None:
        complain(text)

    def end(self, end: End) -> None:
        for line in summary_lines(self._analysis, end):
            self.note(line)

    def close(self) -> None:
        pass

"""No screen: only what the user must know, on stderr."""

import os
import sys

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event
from ktrace.findings import End, Finding
from ktrace.views import words
from ktrace.views.output import complain, status
from ktrace.views.summary import head_lines, summary_lines

_REFRESH_S = 1.0


class QuietView:
    """Head and summary; on a terminal a line of how the recording goes."""

    child_output = "inherited"
    wake_fd = None

    def __init__(self, file: str) -> None:
        """file: what is recorded into."""
        self._file = file
        self._shows = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._shown_t = 0.0

    def start(self, analysis: Analysis) -> None:
        self._analysis = analysis
        for line in head_lines(analysis):
            self.note(line)
        self.note(f"recording to {self._file}; Ctrl-C stops and summarises")

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        pass

    def tick(self, t: float) -> None:
        if not self._shows or 0 <= t - self._shown_t < _REFRESH_S:
            return
        self._shown_t = t
        status(progress(self._analysis, self._file, t))

    def note(self, text: str) -> None:
        complain(text)

    def end(self, end: End) -> None:
        self.note(f"recorded {words.recorded(self._analysis)} to {self._file}")
        for line in summary_lines(self._analysis, end):
            self.note(line)

    def close(self) -> None:
        status("")


def progress(analysis: Analysis, file: str, t: float) -> str:
    """ "00:01:12  1.2 MB, 3456 events  2 findings  lost 0  to run.ktrace"."""
    lost = sum(analysis.lost.values())
    found = words.count(analysis.findings, "finding")
    clock = words.clock(t - analysis.session.t)
    return f"{clock}  {words.recorded(analysis)}  {found}  lost {lost}  to {file}"

"""JSON Lines on stdout: session, findings, end."""

import json
from typing import TYPE_CHECKING, Any

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event
from ktrace.findings import End, Finding, finding_to_json
from ktrace.views.finding_text import prose
from ktrace.views.output import complain, say

if TYPE_CHECKING:
    from ktrace.views.finding_notes import FindingNotes


class JsonLinesView:
    """One object per line, flushed as it happens."""

    child_output = "stderr"
    wake_fd = None

    def __init__(self, notes: "FindingNotes | None" = None) -> None:
        """notes: what else there is to say of a finding."""
        self._notes = notes

    def start(self, analysis: Analysis) -> None:
        if self._notes:
            self._notes.kernel = analysis.session.kernel
        _print(analysis.session.to_json())

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        for finding in findings:
            more = self._notes.json(finding) if self._notes else {}
            _print(finding_to_json(finding) | prose(finding) | more)

    def tick(self, t: float) -> None:
        pass

    def note(self, text: str) -> None:
        complain(f"ktrace: {text}")

    def end(self, end: End) -> None:
        _print(end.to_json())

    def close(self) -> None:
        pass


def _print(record: dict[str, Any]) -> None:
    say(json.dumps(record, separators=(",", ":")))

"""JSON Lines on stdout: session, findings, end."""

import json
from typing import Any

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event
from ktrace.findings import End, Finding, finding_to_json
from ktrace.views.finding_text import prose
from ktrace.views.output import complain, say


class JsonLinesView:
    """One object per line, flushed as it happens."""

    child_output = "stderr"
    wake_fd = None

    def start(self, analysis: Analysis) -> None:
        _print(analysis.session.to_json())

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        for finding in findings:
            _print(finding_to_json(finding) | prose(finding) | self.more(finding))

    def more(self, finding: Finding) -> dict[str, Any]:
        """What else there is to say of it."""
        return {}

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

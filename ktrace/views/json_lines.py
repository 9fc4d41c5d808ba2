"""JSON Lines on stdout: session, findings, end."""

import json
import sys
from typing import Any

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event
from ktrace.findings import End, Finding, PageCorruption, RamCell, finding_to_json
from ktrace.views.bad_page_reasons import next_steps, reasons


class JsonLinesView:
    """One object per line, flushed as it happens."""

    child_output = "stderr"

    def start(self, analysis: Analysis) -> None:
        _print(analysis.session.to_json())

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        for finding in findings:
            _print(finding_to_json(finding) | _prose(finding))

    def tick(self, t: float) -> None:
        pass

    def note(self, text: str) -> None:
        print(f"ktrace: {text}", file=sys.stderr)

    def end(self, end: End) -> None:
        _print(end.to_json())

    def close(self) -> None:
        pass


def _prose(finding: Finding) -> dict[str, list[str]]:
    """In words, for whoever reads JSON without ktrace."""
    if not isinstance(finding, RamCell | PageCorruption):
        return {}
    return {"reasoning": reasons(finding), "advice": next_steps(finding)}


def _print(record: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(record, separators=(",", ":")) + "\n")
    sys.stdout.flush()

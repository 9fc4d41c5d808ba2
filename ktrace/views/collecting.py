"""A view that collects what was found, and tells it at the end."""

from typing import TYPE_CHECKING

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event
from ktrace.findings import Finding

if TYPE_CHECKING:
    from ktrace.known_bugs import Catalogue

_VERSIONS_KEPT = 2  # of a finding: the newest, and what it was like before it was resolved


class CollectingView:
    """What comes of it is up to its subclass, which has `end`."""

    child_output = "inherited"
    kept = 10_000  # findings
    known: "Catalogue | None" = None  # bugs; None: ktrace's own

    @property
    def wake_fd(self) -> int | None:
        return None

    def __init__(self, file: str = "") -> None:
        """file: heads the report, where it is one of several."""
        self.file = file
        self.notes: list[str] = []
        self.told: dict[str, list[Finding]] = {}
        self.left_out = 0  # findings beyond those that are kept

    def start(self, analysis: Analysis) -> None:
        self.analysis = analysis

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        for finding in findings:
            if finding.id not in self.told and len(self.told) >= self.kept:
                self.left_out += 1
                continue
            versions = self.told.setdefault(finding.id, [])
            versions.append(finding)
            del versions[:-_VERSIONS_KEPT]

    def tick(self, t: float) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)

    def close(self) -> None:
        pass

    def all_told(self) -> dict[str, list[Finding]]:
        """By id; also what was seen of problems that the command is not about."""
        return self.told | self.analysis.aside

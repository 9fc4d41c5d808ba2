"""What the user came for: conclusions, and the records that frame them."""

from typing import Any

from ktrace.events import to_json
from ktrace.findings.livelock import (
    MemoryChange,
    MmSharer,
    OomEnd,
    OomLivelock,
    ProtectedTask,
    Setter,
    Spinner,
    Undead,
)
from ktrace.findings.pages import BadPageFinding, Cell, PageCorruption, RamCell, StackCount
from ktrace.findings.run import End, Probe, Session
from ktrace.findings.tasks import Blocker, Killed, Outcome, StuckTask, Wait
from ktrace.typed_json import build

__all__ = [
    "FINDINGS",
    "BadPageFinding",
    "Blocker",
    "Cell",
    "End",
    "Finding",
    "Killed",
    "MemoryChange",
    "MmSharer",
    "OomEnd",
    "OomLivelock",
    "Outcome",
    "PageCorruption",
    "Probe",
    "ProtectedTask",
    "RamCell",
    "Session",
    "Setter",
    "Spinner",
    "StackCount",
    "StuckTask",
    "Undead",
    "Wait",
    "finding_from_json",
    "finding_to_json",
]

Finding = StuckTask | BadPageFinding | RamCell | PageCorruption | OomLivelock
FINDINGS: dict[str, type[Finding]] = {
    StuckTask.finding: StuckTask,
    BadPageFinding.finding: BadPageFinding,
    RamCell.finding: RamCell,
    PageCorruption.finding: PageCorruption,
    OomLivelock.finding: OomLivelock,
}


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """The finding as one JSON object."""
    return {"kind": "finding", "finding": finding.finding, **to_json(finding)}


def finding_from_json(data: dict[str, Any]) -> Finding:
    """The finding of a JSON object. Raises ValueError saying what is wrong with it."""
    kind = FINDINGS.get(str(data.get("finding")))
    if kind is None:
        raise ValueError(f"unknown finding {str(data.get('finding'))!r:.60}")
    return build(kind, data, kind.finding)

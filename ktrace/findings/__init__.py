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
from ktrace.findings.logs import AlarmFinding, HungTask
from ktrace.findings.pages import BadPageFinding, Cell, PageCorruption, RamCell, StackCount
from ktrace.findings.run import End, Probe, Session
from ktrace.findings.signature import signature
from ktrace.findings.tasks import Blocker, Killed, Outcome, StuckTask, Wait
from ktrace.typed_json import build

__all__ = [
    "FINDINGS",
    "AlarmFinding",
    "BadPageFinding",
    "Blocker",
    "Cell",
    "End",
    "Finding",
    "HungTask",
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
    "signature_of",
]

Finding = (
    StuckTask | BadPageFinding | RamCell | PageCorruption | OomLivelock | HungTask | AlarmFinding
)
FINDINGS: dict[str, type[Finding]] = {
    StuckTask.finding: StuckTask,
    BadPageFinding.finding: BadPageFinding,
    RamCell.finding: RamCell,
    PageCorruption.finding: PageCorruption,
    OomLivelock.finding: OomLivelock,
    HungTask.finding: HungTask,
    AlarmFinding.finding: AlarmFinding,
}


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """The finding as one JSON object, with its signature."""
    record = {"kind": "finding", "finding": finding.finding, **to_json(finding)}
    return record | {"signature": signature_of(finding)}


def signature_of(finding: Finding) -> str:
    """By what the finding is known again: see ktrace.findings.signature."""
    if isinstance(finding, AlarmFinding):
        return signature(finding.class_, finding.stack, "" if finding.stack else finding.title)
    if isinstance(finding, BadPageFinding):
        failed = "+".join(sorted({trigger.what for trigger in finding.triggered}))
        return signature(finding.finding, finding.stack, failed)
    if isinstance(finding, StuckTask | HungTask):
        primitive = finding.wait.primitive if finding.wait else ""
        return signature(finding.finding, finding.stack, "" if finding.stack else primitive)
    if isinstance(finding, OomLivelock):
        return signature(finding.finding, (), finding.reason)
    if isinstance(finding, PageCorruption):
        return signature(finding.finding, (), finding.cause)
    return finding.finding


def finding_from_json(data: dict[str, Any]) -> Finding:
    """The finding of a JSON object. Raises ValueError saying what is wrong with it."""
    kind = FINDINGS.get(str(data.get("finding")))
    if kind is None:
        raise ValueError(f"unknown finding {str(data.get('finding'))!r:.60}")
    return build(kind, data, kind.finding)

"""Findings as JSON objects, and back."""

from typing import Any

from ktrace.events import to_json
from ktrace.findings.finding import Finding
from ktrace.problems import finding_type
from ktrace.typed_json import build


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """The finding as one JSON object, with its signature."""
    record = {"kind": "finding", "finding": finding.finding, **to_json(finding)}
    return record | {"signature": finding.signature}


def finding_from_json(data: dict[str, Any]) -> Finding:
    """The finding of a JSON object. Raises ValueError saying what is wrong with it."""
    kind = finding_type(str(data.get("finding")))
    if kind is None:
        raise ValueError(f"unknown finding {str(data.get('finding'))!r:.60}")
    return build(kind, data, kind.finding)

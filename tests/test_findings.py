"""Findings as JSON and back."""

from __future__ import annotations

import json

import pytest

from ktrace.findings import finding_from_json, finding_to_json
from tests.views.test_bad_page_text import CELL_FINDINGS, SOFTWARE_FINDINGS

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("finding", [*CELL_FINDINGS, *SOFTWARE_FINDINGS], ids=lambda f: f.id)
def test_round_trip(finding: object) -> None:
    data = json.loads(json.dumps(finding_to_json(finding)))  # type: ignore[arg-type]
    assert data["kind"] == "finding"
    assert finding_from_json(data) == finding

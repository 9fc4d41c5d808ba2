"""The scenario fragmented: ktrace names the module's function, the order, the failure and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ktrace.errors import ExitCode
from ktrace.lab.runner import run_scenario
from ktrace.lab.scenarios.fragmented import ASKS_IN, COUNT, FRAGMENTED, MODULE, ORDERS
from tests.tracer import ktrace

pytestmark = pytest.mark.vm


def test_fragmented(tmp_path: Path) -> None:
    result = run_scenario(FRAGMENTED, output=tmp_path / "t.ktrace")
    assert result.exit_code == ExitCode.FOUND
    assert all(result.kept[f"pages-{order}"] == COUNT for order in ORDERS)
    (trace,) = result.traces
    records = [json.loads(line) for line in trace.read_text().splitlines()]
    found = {r["order"]: r for r in records if r.get("finding") == "large-alloc"}
    assert set(found) == set(ORDERS)
    for order, finding in found.items():
        assert (finding["function"], finding["module"]) == (ASKS_IN, MODULE)
        assert (finding["reason"], finding["failed"]) == ("failed", 1)
        assert finding["calls"] == result.kept[f"blocks-{order}"] + 1
        assert finding["gfp"] == "GFP_KERNEL"
        assert finding["contiguous"] == "not-known"  # the stack does not tell
    # what was free before the first of them, in blocks that are too small for the last of them
    most = max(found[max(ORDERS)]["zones"], key=lambda zone: zone["free_kib"])
    assert most["free_kib"] > 16 << 10
    assert most["unusable_kib"] > most["free_kib"] * 0.9
    assert not [r for r in records if r.get("function") == "fragmented_ask_pages"]
    end = records[-1]
    assert (end["verdict"], end["why"]) == ("found", "")
    report = ktrace("report", str(trace)).stdout
    assert f"LARGE ALLOCATION: {ASKS_IN}() of module {MODULE}" in report

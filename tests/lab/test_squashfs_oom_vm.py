"""The natural hang in a guest: chains of what gets stuck end at the disk or at memory."""

import json
from pathlib import Path
from typing import Any

import pytest

from ktrace.lab.runner import run_scenario
from ktrace.lab.scenarios.squashfs_oom import squashfs_oom
from tests.chain_ends import chain_ends

pytestmark = pytest.mark.vm

Record = dict[str, Any]
AT_THE_END = {"block-io", "memory"}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """Stuck tasks, as they were told. The scenario waits for one in squashfs_cache_get()."""
    path: Path = tmp_path_factory.mktemp("lab") / "natural.ktrace"
    run_scenario(squashfs_oom(seconds=1.0), output=path)
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [r for r in records if r.get("finding") == "stuck-task" and r["status"] == "open"]


def test_chains_end_at_the_disk_or_at_memory(found: list[Record]) -> None:
    waiting = [f for f in found if f["wait"] and f["wait"]["function"] == "squashfs_cache_get"]
    assert waiting
    blocked = [finding for finding in waiting if finding["blocked_by"]]
    assert blocked
    for finding in blocked:
        for end in chain_ends(finding):
            assert end["state"] == "running" or end["cycle_to"] or end["wait"], end
            if end["state"] != "running" and not end["cycle_to"]:
                assert end["wait"]["kind"] in AT_THE_END, end
    kinds = [end["wait"]["kind"] for f in blocked for end in chain_ends(f) if end["wait"]]
    assert "block-io" in kinds  # the slow disk is what all of them share

"""Debian's oldest and newest kernels that the lab can get: load, attach, find the same."""

import json
from pathlib import Path

import pytest

from ktrace.lab.arch import AMD64
from ktrace.lab.matrix import HEAD, run_matrix

pytestmark = pytest.mark.vm


@pytest.mark.parametrize("suite", ["bullseye", "trixie", "sid"])  # bookworm: every other vm test
def test_squashfs_stall(suite: str, tmp_path: Path) -> None:
    (row,) = run_matrix("squashfs-stall", [suite], AMD64, tmp_path)
    cells = dict(zip(HEAD, row.cells, strict=True))
    assert row.exit_code == 1
    assert (cells["VERDICT"], cells["STUCK"]) == ("found", "14")
    # the killed filler: submit_bio_wait() is bio_await() on 7.2
    assert cells["WAITS IN"].split() in (
        ["squashfs_cache_get", "submit_bio_wait"],
        ["bio_await", "squashfs_cache_get"],
    )
    # task_struct.on_cpu is a byte on 7.2: read as an int, whoever sleeps was running
    (trace,) = tmp_path.glob("*.ktrace")
    records = map(json.loads, trace.read_text().splitlines())
    looks = [r for r in records if r.get("event") == "task_state" and r["task"]["comm"] == "reader"]
    asleep = [look["on_cpu"] for look in looks if look["state"] == "uninterruptible"]
    assert asleep.count(True) < len(asleep) / 2  # one may be about to fall asleep

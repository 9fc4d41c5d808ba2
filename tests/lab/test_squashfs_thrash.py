"""Thrash of squashfs in the lab: its steps against a guest that takes notes; and in a guest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ktrace.errors import UsageError
from ktrace.lab.errors import LabError
from ktrace.lab.runner import run_scenario
from ktrace.lab.scenario import Stage
from ktrace.lab.scenarios.squashfs_thrash import PROGRAMS, check_kills, squashfs_thrash
from ktrace.lab.series import scenario_with
from tests.lab.notes import NotingGuest
from tests.tracer import ktrace


@pytest.mark.unit
def test_the_programs_start_in_the_group_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stage, "wait_traced", lambda *_: None)  # there is no trace
    monkeypatch.setattr(Stage, "give_time", lambda *_: True)
    guest = NotingGuest(oom_kills=0)
    for step in squashfs_thrash(seconds=0).steps:
        step.action(Stage(guest, pids={"supervisor": [123]}))
    limited, started, ended = (
        next(i for i, note in enumerate(guest.notes) if text in note)
        for text in ("memory.max", "cgroup.procs; exec /run/thrash", "kill -TERM 123")
    )
    assert limited < started < ended


@pytest.mark.unit
def test_a_run_without_a_thrash_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stage, "give_time", lambda *_: False)
    (run,) = (step for step in squashfs_thrash().steps if "until a thrash" in step.name)
    with pytest.raises(LabError, match="has told of no thrash"):
        run.action(Stage(NotingGuest()))
    (elsewhere,) = (s for s in squashfs_thrash().steps_elsewhere if s.name == "run for 20 s")
    elsewhere.action(Stage(NotingGuest()))


@pytest.mark.unit
def test_an_oom_kill_is_another_problem() -> None:
    check_kills(Stage(NotingGuest(oom_kills=0)))
    with pytest.raises(LabError, match="killed 2 times"):
        check_kills(Stage(NotingGuest(oom_kills=2)))


@pytest.mark.unit
def test_parameters() -> None:
    scenario = scenario_with("squashfs-thrash", block="128K", seconds=5.0)
    names = [step.name for step in scenario.steps]
    assert "load squashfs and mount the workload, of blocks of 128K" in names
    assert "run for 5 s, and until a thrash is told" in names
    with pytest.raises(UsageError, match="squashfs-thrash has no --disk-rate"):
        scenario_with("squashfs-thrash", disk_rate=500)


@pytest.mark.vm
def test_what_is_decompressed_again_and_for_which_files(tmp_path: Path) -> None:
    trace = tmp_path / "thrash.ktrace"
    result = run_scenario(squashfs_thrash(seconds=8), output=trace)
    assert result.exit_code == 1
    records = [json.loads(line) for line in trace.read_text().splitlines()]
    assert (records[-1]["lost"], records[-1]["found"]["squashfs"] > 0) == (0, True)
    thrash = next(r for r in records if r.get("finding") == "squashfs-thrash")
    assert (thrash["cache"], thrash["mount"], thrash["block_size"]) == (
        "fragment",
        "/workload",
        1 << 20,
    )
    programs = {f"/{number}" for number in range(PROGRAMS)}
    assert {file["path"] for file in thrash["files"]} <= programs
    assert thrash["files"]
    _check_counts(records)
    report = ktrace("report", str(trace)).stdout
    assert "SQUASHFS THRASH: fragment cache of vd" in report
    assert "block size: " in report


def _check_counts(records: list[dict[str, Any]]) -> None:
    """They add up, and are those of this workload."""
    events = [record for record in records if record.get("event") == "squashfs_counts"]
    newest = {use["name"]: use for event in events for use in event["caches"]}
    assert newest.keys() >= {"metadata", "fragment", "files"}
    fragment = newest["fragment"]
    assert fragment["calls"] == (fragment["hits"] + fragment["fills"] + fragment["slept_pending"])
    assert fragment["slept_full"] <= fragment["fills"]
    assert sum(fragment["slept"]) == fragment["slept_full"] + fragment["slept_pending"]
    # each block has one program, of 875 KiB, in which every byte of noise is two digits
    assert 800 << 10 < fragment["bytes_inflated"] / fragment["fills"] <= 1 << 20
    assert 0.4 < fragment["bytes_read"] / fragment["bytes_inflated"] < 0.7
    assert fragment["bytes_used"] > 0
    assert fragment["disk_reads"] == pytest.approx(fragment["fills"], abs=4)
    assert fragment["longest_hold"]["task"]["comm"]
    states = [use["state"] for event in events for use in event["caches"] if use["name"] != "files"]
    assert any(state and state["in_use"] for state in states)
    assert any(use["name"] == "files" and use["calls"] for use in newest.values())

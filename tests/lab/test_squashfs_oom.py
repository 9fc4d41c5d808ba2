"""The natural hang: its steps, against a guest that only takes notes; and once in a guest."""

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ktrace.errors import ExitCode
from ktrace.lab.errors import LabError
from ktrace.lab.runner import run_scenario
from ktrace.lab.scenario import Stage, Step
from ktrace.lab.scenarios.squashfs_oom import (
    LEAST_KILLS,
    check_kills,
    oom_kills,
    squashfs_oom,
    victim_stuck,
)
from tests.chain_ends import chain_ends
from tests.lab.notes import NotingGuest
from tests.test_examples import EXAMPLES
from tests.tracer import ktrace

RECORDED = EXAMPLES / "validate-a-fix" / "recorded-oom"


@pytest.mark.unit
def test_the_disk_is_slow_before_anything_starts_and_fast_before_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Stage, "wait_traced", lambda *_: None)  # there is no trace
    monkeypatch.setattr(Stage, "give_time", lambda *_: True)
    guest = NotingGuest()
    stage = Stage(guest)
    for step in squashfs_oom(processes=5, disk_rate=700, seconds=0).steps:
        step.action(stage)
    slow, fast = (guest.notes.index(f"throttle workload {rate}") for rate in (700_000, 0))
    started = next(i for i, note in enumerate(guest.notes) if "supervise /workload 64 5" in note)
    assert slow < started < fast < guest.notes.index("kill -TERM 101")


@pytest.mark.unit
def test_without_an_oom_kill_the_scenario_has_not_come_about() -> None:
    check_kills(Stage(NotingGuest(oom_kills=1)))
    with pytest.raises(LabError, match="never so short"):
        check_kills(Stage(NotingGuest(oom_kills=0)))


@pytest.mark.unit
@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (squashfs_oom().steps, "no victim of the OOM killer got stuck"),
        (squashfs_oom().steps_elsewhere, "killed fewer than 3"),
    ],
)
def test_a_shortage_that_shows_nothing_is_no_result(
    steps: Sequence[Step], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stage, "give_time", lambda *_: False)
    (shortage,) = (step for step in steps if "run out of memory" in step.name)
    with pytest.raises(LabError, match=said) as raised:
        shortage.action(Stage(NotingGuest()))
    assert raised.value.exit_code == ExitCode.INCONCLUSIVE


@pytest.mark.unit
@pytest.mark.parametrize(("side", "stuck"), [("stock", True), ("patched", False)])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_what_a_trace_shows(side: str, stuck: bool, number: int) -> None:
    """Of 60 s each, on Debian's 6.1 and with squashfs mended."""
    trace = gzip.decompress((RECORDED / side / f"{number}.ktrace.gz").read_bytes())
    assert victim_stuck(trace) is stuck
    assert oom_kills(trace) >= LEAST_KILLS


@pytest.mark.vm
def test_victims_of_the_oom_killer_get_stuck(tmp_path: Path) -> None:
    trace = tmp_path / "oom.ktrace"
    result = run_scenario(squashfs_oom(seconds=5), output=trace)
    assert result.exit_code == 1
    report = ktrace("report", str(trace)).stdout
    assert "killed by the OOM killer, invoked by" in report
    waiters = [*_waiters(trace)]  # where they were longest is the guest's affair
    assert {waiter["wait"]["primitive"] for waiter in waiters} == {"wait_event"}
    ends = [end for waiter in waiters for end in chain_ends(waiter)]
    assert not [end for end in ends if not _is_an_end(end)]
    kinds = {end["wait"]["kind"] for end in ends if end["wait"]}
    assert kinds & {"block-io", "memory"}, ends


def _waiters(trace: Path) -> Iterator[dict[str, Any]]:
    """All that waited for a cache at a look."""
    for line in trace.read_text().splitlines():
        record = json.loads(line)
        stuck = record.get("finding") == "stuck-task" and record["status"] != "resolved"
        if stuck and record["wait"] and record["wait"]["function"] == "squashfs_cache_get":
            yield record


def _is_an_end(end: dict[str, Any]) -> bool:
    """The disk, memory, one that runs; or it is said that nobody was seen."""
    wait = end["wait"] or {"kind": "", "detail": ""}
    known = end["state"] == "running" or wait["kind"] in ("block-io", "memory")
    return known or wait["detail"].endswith("nobody was seen who has it")

"""The classic OOM deadlock in a guest: the cycle is named, with exactly its threads."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ktrace.events import TaskRuns
from ktrace.kernel.wait_functions import function_of
from ktrace.lab.build.packages import Kernel
from ktrace.lab.runner import run_scenario
from ktrace.trace.reader import TraceFile
from tests.lab.kernels import OWN, kernel_of
from tests.tracer import ktrace

pytestmark = pytest.mark.vm

Record = dict[str, Any]


kernel = kernel_of(OWN)


@pytest.fixture(scope="module")
def trace(kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("lab") / "deadlock.ktrace"
    assert run_scenario("oom-deadlock", output=path, kernel=kernel).exit_code == 1
    return path


@pytest.fixture(scope="module")
def records(trace: Path) -> list[Record]:
    return [json.loads(line) for line in trace.read_text().splitlines()]


def test_the_cycle_has_exactly_its_threads(records: list[Record]) -> None:
    """The lab started one holder; only who the OOM killer has chosen is waited for."""
    called = [r["by"] for r in records if r.get("event") == "out_of_memory"]
    (holder,) = {by["tid"] for by in called if by["comm"] == "holder"}
    kills = [r for r in records if r.get("event") == "oom_kill"]
    chosen = {kill["victim"]["tid"] for kill in kills}
    assert {kill["victim"]["comm"] for kill in kills} == {"victim"}
    opened = [r for r in records if r.get("status") == "open" and r["finding"] == "stuck-task"]
    assert opened
    for finding in opened:
        assert finding["tid"] in chosen
        (held,) = finding["blocked_by"]
        assert (held["tid"], held["why"], held["killed"]) == (holder, "holds the mutex", False)
        assert held["wait"]["kind"] == "memory"
        assert held["wait"]["detail"] == "the OOM killer of memory cgroup /deadlock"
        victims = {victim["tid"]: victim for victim in held["blocked_by"]}
        assert victims.keys() <= chosen
        assert victims[finding["tid"]]["cycle_to"] == finding["tid"]


def test_where_the_holder_runs(trace: Path) -> None:
    """In the loop of a charge that finds no memory."""
    with closing(TraceFile(trace)) as file:
        samples = [event for event in file.records() if isinstance(event, TaskRuns)]
    assert {sample.task.comm for sample in samples} == {"holder"}
    functions = {function_of(frame) for sample in samples for frame in sample.stack}
    assert functions & {"try_charge_memcg", "mem_cgroup_out_of_memory", "out_of_memory"}


def test_the_cycle_is_the_first_that_the_report_says(trace: Path, records: list[Record]) -> None:
    text = " ".join(ktrace("report", str(trace)).stdout.split())
    first = next(r for r in records if r.get("status") == "open")
    held = first["blocked_by"][0]["tid"]
    assert (
        f"DEADLOCK: victim[{first['tid']}] waits for mutex: mutex of a pipe, held by "
        f"holder[{held}]; holder[{held}] waits for memory: the OOM killer of memory cgroup "
        f"/deadlock; memory waits for victim[{first['tid']}] to die"
    ) in text


def test_all_die_when_there_is_memory(records: list[Record]) -> None:
    opened = {r["id"] for r in records if r.get("status") == "open"}
    resolved = {r["id"]: r for r in records if r.get("status") == "resolved"}
    assert resolved.keys() == opened
    assert {r["outcome"]["exit_signal"] for r in resolved.values()} == {9}
    assert records[-1]["lost"] == 0

"""ktrace oom-livelock on this machine's kernel, with an OOM kill in a cgroup of the test's own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests import stuck_tasks
from tests.tracer import LIMIT_S, Tracer, ktrace

pytestmark = pytest.mark.kernel


def test_an_ordinary_kill_is_no_finding(tmp_path: Path) -> None:
    trace = tmp_path / "run.ktrace"
    running = Tracer("oom-livelock", "--json", "--record", str(trace))
    try:
        with (
            stuck_tasks.memory_cgroup(20 << 20) as cgroup,
            stuck_tasks.program("eat_memory", 64) as eater,
        ):
            cgroup.add(eater.pid)
            assert eater.stdin is not None
            eater.stdin.write(b"\n")
            eater.stdin.flush()
            eater.wait(LIMIT_S)
            pid = eater.pid
        running.stop()
        end = running.records[-1]
    finally:
        running.process.kill()
        running.process.communicate()
    assert not [record for record in running.records if record["kind"] == "finding"]
    probes = {probe["function"]: probe for probe in running.records[0]["probes"]}
    hooked = probes["out_of_memory"]["state"] == "attached"
    # without a probe on out_of_memory() a livelock would not have been seen
    assert end["verdict"] == ("clean" if hooked else "inconclusive"), end

    report = ktrace("report", str(trace)).stdout
    if hooked:
        assert re.search(r"No OOM livelock in [0-9.]+s: .*of out_of_memory\(\)", report)
    else:
        assert "OOM livelocks not measured (no probe on out_of_memory())" in report
    # there may be other kills on this machine: the timeline of ours begins with its name
    _, _, timelines = report.partition("OOM kill timelines")
    own = timelines.partition(f"  eat_memory[{pid}], invoked by ")[2].splitlines()
    steps = [line.split("ms  ")[-1].strip() for line in own if "ms  " in line]
    assert steps[:4] == [
        "SIGKILL",
        "marked",
        "mm released",
        "dead",
    ]


def test_exit_code_says_whether_the_verdict_can_be_given() -> None:
    done = ktrace("oom-livelock", "--json", "--duration", "0.2")
    first, *_, last = map(json.loads, done.stdout.splitlines())
    missing = {p["function"] for p in first["probes"] if p["state"] == "missing"}
    needed = {"out_of_memory", "reclaim_retry_zone", "compact_retry"}
    assert done.returncode == (4 if missing & needed else 0)
    assert ("no probe on out_of_memory" in last["why"]) == ("out_of_memory" in missing)


def test_plain_lines() -> None:
    done = ktrace("oom-livelock", "--duration", "0.2")
    assert done.stdout.startswith("ktrace oom-livelock on ")
    assert "verdict: " in done.stdout

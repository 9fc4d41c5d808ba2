"""A kernel that shows no BTF: `auto` takes bcc, which finds what libbpf finds."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ktrace.lab.guest.tracer import KTRACE, TRACE_PORT
from ktrace.lab.runner import run_scenario
from ktrace.lab.scenarios.oom_livelock import OOM_LIVELOCK

pytestmark = pytest.mark.vm


def records(trace: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in trace.read_text().splitlines()]


def story(finding: dict[str, Any]) -> str:
    """What is said of a stuck task, without what differs between two boots: ids and times.

    Of its end only how it died: the last look before that may have been made when the disk had
    gone on, at what was left of the others then.
    """
    told = {k: finding[k] for k in ("status", "comm")} | {"by": finding["killed"]["by"]}
    if finding["outcome"]:
        return json.dumps(told | {"exit_signal": finding["outcome"]["exit_signal"]})
    blockers = [
        {k: b[k] for k in ("comm", "state", "function", "why")} for b in finding["blocked_by"]
    ]
    told |= {k: finding[k] for k in ("state", "wait", "stack")} | {"blocked_by": blockers}
    return json.dumps(told, sort_keys=True)


def run(output: Path, *, bcc: bool) -> tuple[dict[str, Any], Counter[str]]:
    """The session, and how often each story was told."""
    result = run_scenario("squashfs-stall", output=output, bcc=bcc)
    assert result.exit_code == 1
    session, *rest = records(output)
    frames = {r["id"]: r["frames"] for r in rest if r["kind"] == "stack"}
    stuck = [r | {"stack": frames[r["stack"]]} for r in rest if r.get("finding") == "stuck-task"]
    # in a slow guest there may be no time to read every wait chain
    assert rest[-1]["lost_by"].keys() <= {"task_wait"}
    return session, Counter(story(f) for f in stuck if f["status"] in ("open", "resolved"))


def test_bcc_watches_for_all_that_a_verdict_needs(tmp_path: Path) -> None:
    """An ordinary run of all problems is clean: with "page checks" taken for a probe that bcc
    lacks, and none on the allocator's retries, it was inconclusive."""
    trace = tmp_path / "bcc.ktrace"
    ordinary = replace(
        OOM_LIVELOCK, steps=OOM_LIVELOCK.steps[:3], command=(*KTRACE, "record", "-o", TRACE_PORT)
    )
    result = run_scenario(ordinary, output=trace, bcc=True)
    session, *rest = records(trace)
    assert session["loader"] == "bcc"
    states = {probe["function"]: probe["state"] for probe in session["probes"]}
    assert "page checks" not in states
    assert (states["reclaim_retry_zone"], states["compact_retry"]) == ("attached", "attached")
    retries = [r for r in rest if r.get("call") == "reclaim_retry_zone"]
    assert retries[-1]["calls"] > 0
    assert retries[-1]["stack"]
    assert (rest[-1]["verdict"], result.exit_code) == ("clean", 0), rest[-1]


def test_bcc_finds_what_libbpf_finds(tmp_path: Path) -> None:
    with_btf, by_libbpf = run(tmp_path / "libbpf.ktrace", bcc=False)
    without, by_bcc = run(tmp_path / "bcc.ktrace", bcc=True)
    assert (with_btf["loader"], without["loader"]) == ("libbpf", "bcc")
    hooks = {probe["function"]: probe["hook"] for probe in without["probes"]}
    assert hooks["oom_kill_process"] == "kprobe"
    assert hooks["sched_switch"] == "raw_tp"
    assert len(list(by_bcc.elements())) == 28  # 14 tasks, stuck and dead
    assert by_bcc == by_libbpf

"""A board without BTF, Python and ktrace: its agent, and ktrace here."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ktrace.lab.runner import find_scenario, run_scenario
from ktrace.lab.scenario import Stage, Step
from tests.lab.arches import kernel_for
from tests.lab.stalled import die_when_the_disk_goes_on, of
from tests.tracer import Record, ktrace

pytestmark = pytest.mark.vm

WAITERS = ["reader", "faulter", "hog"]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    trace = tmp_path_factory.mktemp("agent") / "board.ktrace"
    scenario = find_scenario("squashfs-stall")
    steps = (*scenario.steps, Step("run the whole machine out of memory", eat_memory))
    scenario = replace(scenario, steps=steps)
    result = run_scenario(scenario, output=trace, kernel=kernel_for("armhf"), agent=True)
    assert result.exit_code == 1
    assert ktrace("replay", "--json", str(trace)).returncode == 1
    assert "squashfs_cache_get()" in ktrace("report", str(trace)).stdout
    return [json.loads(line) for line in trace.read_text().splitlines()]


def eat_memory(stage: Stage) -> None:
    """Until the OOM killer ends it: tail keeps the last line of a file that has none."""
    assert stage.guest.run("tail /dev/zero").status != 0


def test_what_was_traced(records: list[Record]) -> None:
    session = records[0]
    assert (session["machine"], session["loader"]) == ("armv7l", "agent")
    hooks = {probe["function"]: probe["hook"] for probe in session["probes"]}
    assert hooks["task"] == "walk"  # no BTF of the kernel's own: no iterator
    assert hooks["oom_kill_process"] == "kprobe"
    assert not [w for w in session["warnings"] if "OOM killer may kill" in w or "not locked" in w]
    (change,) = [r for r in records if r.get("event") == "probe_change"]
    assert (change["function"], change["hook"]) == ("squashfs_cache_get", "kprobe")


def test_every_waiter_is_found(records: list[Record]) -> None:
    found = {comm: len(of(records, "open", comm)) for comm in (*WAITERS, "filler")}
    assert found == {"reader": 6, "faulter": 6, "hog": 1, "filler": 1}


@pytest.mark.parametrize("comm", WAITERS)
def test_where_and_how_they_wait(records: list[Record], comm: str) -> None:
    for finding in of(records, "open", comm):
        assert finding["state"] == "uninterruptible"
        assert finding["wait"]["function"] == "squashfs_cache_get"
        assert finding["wait"]["sigkill_wakes"] is False


def test_the_hog_was_killed_by_the_oom_killer(records: list[Record]) -> None:
    (finding,) = of(records, "open", "hog")
    assert (finding["killed"]["by"], finding["killed"]["comm"]) == ("oom", "asker")
    kill, last = [r for r in records if r.get("event") == "oom_kill"]
    assert kill["victim"]["pid"] == finding["pid"]
    assert kill["cgroup"] == "/lab"
    assert kill["constraint"] == "CONSTRAINT_MEMCG"
    # the agent has survived what the whole machine ran out of memory for
    assert (last["victim"]["comm"], last["constraint"]) == ("tail", "CONSTRAINT_NONE")


@pytest.mark.parametrize("comm", WAITERS)
def test_they_die_by_sigkill_when_the_disk_goes_on(records: list[Record], comm: str) -> None:
    die_when_the_disk_goes_on(records, comm)


def test_nothing_was_lost(records: list[Record]) -> None:
    assert (records[-1]["lost"], records[-1]["verdict"]) == (0, "found")

"""A board with 64 MB, without BTF, Python and ktrace: its agent, and ktrace here."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import pytest

from ktrace.lab.runner import find_scenario, run_scenario
from ktrace.lab.scenario import Stage, Step
from tests.lab.arches import kernel_for
from tests.lab.stalled import die_when_the_disk_goes_on, of
from tests.recorded import recorded
from tests.tracer import Record, ktrace

pytestmark = pytest.mark.vm

WAITERS = ["reader", "faulter", "hog"]


ENTRIES = ("__ret_fast_syscall", "__dabt_usr", "__pabt_usr")
MOST_RSS_KIB = 4 << 10
RING_KIB = 2 * 512  # RING_BYTES of bpf/agent/objects.h, mapped twice


@dataclass(frozen=True)
class Run:
    records: list[Record]
    kept: dict[str, int]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    trace = tmp_path_factory.mktemp("agent") / "board.ktrace"
    scenario = find_scenario("squashfs-stall")
    more = (
        Step("run the whole machine out of memory", eat_memory),
        Step("look at the agent", look_at_agent),
    )
    # Debian's kernel keeps 16 MB for devices, which no board of this size would have it do
    scenario = replace(scenario, memory_mb=64, boots=("cma=0",), steps=(*scenario.steps, *more))
    result = run_scenario(scenario, output=trace, kernel=kernel_for("armhf"), agent=True)
    assert result.exit_code == 1
    assert "squashfs_cache_get()" in ktrace("report", str(trace)).stdout
    return Run(recorded(trace), result.kept)


@pytest.fixture
def records(run: Run) -> list[Record]:
    return run.records


def eat_memory(stage: Stage) -> None:
    """Until the OOM killer ends it: tail keeps the last line of a file that has none."""
    assert stage.guest.run("tail /dev/zero").status != 0


def look_at_agent(stage: Stage) -> None:
    text = stage.guest.check("cat /proc/$(cat /run/ktrace.pid)/status")
    found = dict(re.findall(r"^(Vm\w+|Name):\s+(\S+)", text, re.MULTILINE))
    assert found.pop("Name") == "ktrace-agent"
    stage.kept.update({name: int(kib) for name, kib in found.items()})


def test_it_is_small_and_locked(run: Run) -> None:
    assert run.kept["VmRSS"] < MOST_RSS_KIB
    # all but the ring, the kernel's own memory, and what the kernel maps for itself (vdso)
    assert run.kept["VmLck"] > run.kept["VmSize"] - RING_KIB - 64


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
        # unwound here, from what lay on the sleeper's stack, to where it entered the kernel
        assert finding["stack"][-1].partition("+")[0] in ENTRIES


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

"""32-bit ARM, a kernel without BTF: the hang is found as elsewhere, with what it can show. Beside
ktrace there runs its agent, on a serial port, and it sees the same until the kernel panics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import pytest

from ktrace.errors import ExitCode
from ktrace.lab.runner import find_scenario, run_scenario
from ktrace.lab.scenario import Stage, Step
from tests.agent.on_a_serial_port import SerialPort, resident_kib, same_facts
from tests.lab.arches import kernel_for
from tests.lab.stalled import chains_end_at_the_stalled_device, of
from tests.recorded import recorded
from tests.tracer import Record

pytestmark = pytest.mark.vm


@dataclass(frozen=True)
class Run:
    records: list[Record]
    kept: dict[str, int]
    port: SerialPort


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder, kernel = tmp_path_factory.mktemp("lab"), kernel_for("armhf")
    trace, port = folder / "armhf.ktrace", SerialPort(kernel, folder)
    stall = find_scenario("squashfs-stall")
    scenario = replace(
        stall,
        steps=(*stall.steps, Step("look at both", look_at_both)),
        change=port.plugged_in,
        prepare=(Step("start the agent", port.start_agent),),
        afterwards=(Step("crash", port.crash),),
    )
    result = run_scenario(scenario, output=trace, kernel=kernel)
    assert result.exit_code == ExitCode.FOUND
    return Run(recorded(trace), result.kept, port)


def look_at_both(stage: Stage) -> None:
    ktrace = int(stage.guest.check("cat /run/ktrace.pid"))
    stage.kept["ktrace's KiB"] = resident_kib(stage, ktrace)
    stage.kept["agent's KiB"] = resident_kib(stage, stage.kept["agent"])


@pytest.fixture
def records(run: Run) -> list[Record]:
    return run.records


def test_the_hooks_are_those_of_a_kernel_without_btf(records: list[Record]) -> None:
    hooks = {probe["function"]: probe["hook"] for probe in records[0]["probes"]}
    assert hooks["sched_switch"] == "raw_tp"
    assert hooks["task"] == "walk"
    assert hooks["oom_kill_process"] == "kprobe"
    whys = {probe["function"]: probe["why"] for probe in records[0]["probes"]}
    assert "stack traces" in whys["out_of_memory:return"]
    states = {probe["function"]: probe["state"] for probe in records[0]["probes"]}
    assert states["squashfs_cache_get"] == "waiting"  # the file has its types, loaded or not
    (change,) = [record for record in records if record.get("event") == "probe_change"]
    assert (change["function"], change["hook"]) == ("squashfs_cache_get", "kprobe")


def test_every_stuck_thread_is_found_and_where_it_waits(records: list[Record]) -> None:
    found = sorted((r["comm"], r["state"], r["wait"]["function"]) for r in of(records, "open"))
    waiters = [(comm, "uninterruptible", "squashfs_cache_get") for comm in ["faulter"] * 6]
    waiters += [("filler", "uninterruptible", "submit_bio_wait")]
    waiters += [("hog", "uninterruptible", "squashfs_cache_get")]
    waiters += [("reader", "uninterruptible", "squashfs_cache_get")] * 6
    assert found == waiters
    assert not any(r["wait"]["sigkill_wakes"] for r in of(records, "open"))


def test_who_killed_them(records: list[Record]) -> None:
    (kill,) = [record for record in records if record.get("event") == "oom_kill"]
    assert (kill["victim"]["comm"], kill["cgroup"]) == ("hog", "/lab")
    assert kill["anon_rss_kib"] > 60 * 1024  # a long of the kernel, 4 bytes there
    (hog,) = [record for record in of(records, "open") if record["comm"] == "hog"]
    assert (hog["killed"]["by"], hog["pid"]) == ("oom", kill["victim"]["pid"])


def test_who_is_in_the_way(records: list[Record]) -> None:
    """In some record of the hang: a slow guest reads some chains late, or while they end."""
    told = [*of(records, "open"), *of(records, "update")]
    whys = {
        (len(finding["blocked_by"]), blocker["why"])
        for finding in told
        for blocker in finding["blocked_by"]
        if (blocker["comm"], blocker["function"]) == ("filler", "submit_bio_wait")
    }
    assert (1, "reads the block that it waits for") in whys
    assert (3, "holds an entry of the full fragment cache") in whys
    waits = [finding["waits_for"] for finding in told if finding["waits_for"]]
    assert any("of squashfs on vdc (entries: 3, unused: 0, " in wait["detail"] for wait in waits)


def test_the_chain_of_the_killed_filler(records: list[Record]) -> None:
    chains_end_at_the_stalled_device(records, "filler")


def test_they_die_when_the_disk_goes_on(records: list[Record]) -> None:
    opened = {record["id"] for record in of(records, "open")}
    resolved = of(records, "resolved")
    assert {record["id"] for record in resolved} == opened
    assert {record["outcome"]["exit_signal"] for record in resolved} == {9}


def test_nothing_was_lost(records: list[Record]) -> None:
    end = records[-1]
    assert end["lost_by"].keys() <= {"task_wait"}  # a slow guest may leave wait chains unread
    assert end["verdict"] == "found"


def test_the_agent_found_the_same(run: Run) -> None:
    code, seen = run.port.records()
    assert code == ExitCode.FOUND
    assert same_facts(partial(of, seen)) == same_facts(partial(of, run.records))
    (kill,) = [record for record in seen if record.get("event") == "oom_kill"]
    assert kill["victim"]["comm"] == "hog"
    assert run.kept["agent's KiB"] < run.kept["ktrace's KiB"] / 4


def test_the_agent_told_what_happened_until_the_crash(run: Run) -> None:
    _, seen = run.port.records()
    signals = [r for r in seen if r.get("event") == "fatal_signal"]
    assert signals[-1]["target"]["pid"] == run.kept["killed"]
    lost = seen[-1]["lost_by"]
    assert lost.pop("agent_end") == 1  # nothing says that more was not to come
    assert lost in ({}, {"agent_frames": 1})  # one that was on its way

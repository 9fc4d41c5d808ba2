"""32-bit ARM, a kernel without BTF: the hang is found as elsewhere, with what it can show."""

from __future__ import annotations

import json

import pytest

from ktrace.errors import ExitCode
from ktrace.lab.runner import run_scenario
from tests.lab.arches import kernel_for
from tests.lab.stalled import of
from tests.tracer import Record

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    trace = tmp_path_factory.mktemp("lab") / "armhf.ktrace"
    result = run_scenario("squashfs-stall", output=trace, kernel=kernel_for("armhf"))
    assert result.exit_code == ExitCode.FOUND
    return [json.loads(line) for line in trace.read_text().splitlines()]


def test_the_hooks_are_those_of_a_kernel_without_btf(records: list[Record]) -> None:
    hooks = {probe["function"]: probe["hook"] for probe in records[0]["probes"]}
    assert hooks["sched_switch"] == "raw_tp"
    assert hooks["task"] == "walk"
    assert hooks["oom_kill_process"] == "kprobe"
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


def test_they_die_when_the_disk_goes_on(records: list[Record]) -> None:
    opened = {record["id"] for record in of(records, "open")}
    resolved = of(records, "resolved")
    assert {record["id"] for record in resolved} == opened
    assert {record["outcome"]["exit_signal"] for record in resolved} == {9}


def test_nothing_was_lost(records: list[Record]) -> None:
    assert (records[-1]["lost"], records[-1]["verdict"]) == (0, "found")

"""The whole path: a guest whose disk stalls, ktrace inside, its trace read here."""

import json

import pytest

from ktrace.lab.runner import run_scenario
from tests.lab.arches import kernel_for
from tests.lab.stalled import (
    chains_end_at_the_stalled_device,
    die_when_the_disk_goes_on,
    fillers_are_in_the_way,
    of,
    the_cache_is_told_with_its_numbers,
)
from tests.tracer import Record, ktrace

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module", params=["amd64", "arm64"])
def records(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[Record]:
    trace = tmp_path_factory.mktemp("lab") / "stall.ktrace"
    kernel = kernel_for(request.param)
    result = run_scenario("squashfs-stall", output=trace, kernel=kernel)
    assert result.exit_code == 1
    replayed = ktrace("replay", "--json", str(trace))
    assert replayed.returncode == 1
    recorded = [json.loads(line) for line in trace.read_text().splitlines()]
    # the live run's findings are in the file; the replay's are computed anew from the events
    again = [r for r in map(json.loads, replayed.stdout.splitlines()) if r["kind"] == "finding"]
    written = [r for r in recorded if r["kind"] == "finding"]
    assert [_without_stack(r) for r in again] == [_without_stack(r) for r in written]
    report = ktrace("report", str(trace))
    assert "SIGKILL cannot end wait_event() in squashfs_cache_get()" in report.stdout
    return [*map(json.loads, replayed.stdout.splitlines()), *_events(recorded)]


def _without_stack(record: Record) -> Record:
    return {key: value for key, value in record.items() if key not in ("stack", "crc")}


def _events(records: list[Record]) -> list[Record]:
    return [record for record in records if record["kind"] == "event"]


def test_every_waiter_is_found(records: list[Record]) -> None:
    assert len(of(records, "open", "reader")) == 6
    assert len(of(records, "open", "faulter")) == 6
    assert len(of(records, "open", "hog")) == 1
    assert len(of(records, "open", "filler")) == 1  # the one that was killed


@pytest.mark.parametrize("comm", ["reader", "faulter", "hog"])
def test_where_and_how_they_wait(records: list[Record], comm: str) -> None:
    for finding in of(records, "open", comm):
        assert finding["state"] == "uninterruptible"
        assert finding["wait"] == {
            "function": "squashfs_cache_get",
            "primitive": "wait_event",
            "sigkill_wakes": False,
        }
        assert finding["stack"][0].startswith("squashfs_cache_get+")
        assert finding["stack"][0].endswith("[squashfs]")


def test_both_waits_of_squashfs_cache_get_are_hit(records: list[Record]) -> None:
    places = {finding["stack"][0] for finding in of(records, "open", "reader")}
    assert len(places) == 2


def test_page_faults_are_among_them(records: list[Record]) -> None:
    for finding in of(records, "open", "faulter"):
        assert any(frame.startswith("filemap_fault+") for frame in finding["stack"])


def test_the_killed_filler_waits_for_its_read(records: list[Record]) -> None:
    (finding,) = of(records, "open", "filler")
    assert finding["wait"]["function"] == "submit_bio_wait"
    assert finding["wait"]["primitive"].startswith("wait_for_completion")


def test_the_hog_was_killed_by_the_oom_killer(records: list[Record]) -> None:
    (finding,) = of(records, "open", "hog")
    assert finding["killed"]["by"] == "oom"
    assert finding["killed"]["comm"] == "asker"
    (kill,) = [r for r in records if r.get("event") == "oom_kill"]
    assert kill["victim"]["pid"] == finding["pid"]
    assert kill["cgroup"] == "/lab"
    assert "GFP_" in kill["gfp"]
    assert kill["anon_rss_kib"] > 60 * 1024


def test_who_is_in_the_way(records: list[Record]) -> None:
    fillers_are_in_the_way(records)


def test_the_cache_with_its_numbers(records: list[Record]) -> None:
    the_cache_is_told_with_its_numbers(records)


@pytest.mark.parametrize("comm", ["reader", "faulter", "hog", "filler"])
def test_every_chain_ends_at_the_stalled_device(records: list[Record], comm: str) -> None:
    chains_end_at_the_stalled_device(records, comm)


@pytest.mark.parametrize("comm", ["reader", "faulter", "hog", "filler"])
def test_they_die_by_sigkill_when_the_disk_goes_on(records: list[Record], comm: str) -> None:
    die_when_the_disk_goes_on(records, comm)


def test_the_probe_on_squashfs_came_with_its_module(records: list[Record]) -> None:
    (session,) = [r for r in records if r["kind"] == "session"]
    before = {probe["function"]: probe["state"] for probe in session["probes"]}
    assert before["squashfs_cache_get"] == "waiting"
    assert before["oom_kill_process"] == before["bad_page"] == "attached"
    (change,) = [r for r in records if r.get("event") == "probe_change"]
    assert (change["function"], change["state"]) == ("squashfs_cache_get", "attached")


def test_nothing_was_lost(records: list[Record]) -> None:
    (end,) = [r for r in records if r["kind"] == "end"]
    assert end["lost_by"].keys() <= {"task_wait"}  # a slow guest may leave wait chains unread
    assert end["verdict"] == "found"

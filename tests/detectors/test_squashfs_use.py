"""Thrash of squashfs: when it is told, with which numbers, and when it is over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.squashfs_use import SquashfsCaches
from ktrace.events import CacheUse, Event, Lost, ProbeCost, Walk
from ktrace.findings import Probe, SquashfsThrash
from tests.factories import APP, CACHE_STACK, call, session, state, walk
from tests.squashfs import MIB, cache_use, counts, read, waited

pytestmark = pytest.mark.unit

PROBES = ("squashfs_cache_get", "squashfs_read_data", "squashfs_cache_put")


def analysis(**changed: Any) -> Analysis:
    probes = tuple(Probe(name, "kprobe", "attached") for name in PROBES)
    return Analysis(session(command="squashfs", **({"probes": probes} | changed)))


def told(*events: Event) -> list[SquashfsThrash]:
    run = analysis()
    found = [finding for event in events for finding in run.feed(event)]
    return [finding for finding in found if isinstance(finding, SquashfsThrash)]


def each_second(*uses: CacheUse) -> list[Event]:
    return [counts(100.0 + second, use) for second, use in enumerate(uses, 1)]


def test_blocks_that_are_read_again_are_a_thrash() -> None:
    (finding,) = told(counts(101.0, cache_use()), counts(105.0, waited()))
    assert (finding.status, finding.cache, finding.mount) == ("open", "fragment", "/data")
    assert (finding.fills, finding.again, finding.over_s) == (40, 30, 5.0)
    assert (finding.bytes_inflated, finding.bytes_again) == (40 * MIB, 30 * MIB)
    assert (finding.slept_full, finding.slept_pending, finding.slept_s) == (10, 2, 1.0)
    assert [file.path for file in finding.files] == ["/bin/app"]
    assert (finding.slept, finding.longest_hold) == (waited().slept, waited().longest_hold)


def test_bytes_that_were_not_counted_are_not_measured() -> None:
    """As on Debian's 5.10, whose modules have no BTF."""
    blind = waited(bytes_read=0, bytes_inflated=0, bytes_again=0)
    (finding,) = told(counts(101.0, cache_use()), counts(105.0, blind))
    assert finding.fills == 40
    assert (finding.bytes_read, finding.bytes_inflated, finding.bytes_again) == (None,) * 3


def test_who_waits_for_the_cache_at_the_newest_walk() -> None:
    waiter = state(103, APP, killed=(), stack=CACHE_STACK, squashfs=call(4096), asleep_t=101.0)
    begun = counts(101.0, cache_use(device="vdb"))
    thrashing = waited(device="vdb")
    (finding,) = told(begun, waiter, walk(104), counts(105.0, thrashing))
    assert [(one.task, one.cache) for one in finding.waiters] == [(APP, "fragment")]
    (other,) = told(begun, waiter, walk(104), counts(105.0, replace(thrashing, name="metadata")))
    (later,) = told(begun, waiter, walk(104), counts(115.0, thrashing))
    assert (other.waiters, later.waiters) == ((), ())


def test_blocks_past_the_caches_have_no_waits_and_costs_need_a_probe() -> None:
    files = read(40, 40, cache="0x0", name="files")
    (finding,) = told(counts(101.0, cache_use(cache="0x0", name="files")), counts(105.0, files))
    assert (finding.slept, finding.costs) == (None, None)
    costs = (ProbeCost("squashfs_cache_get", 3, 1800),)
    (finding,) = told(counts(101.0, cache_use()), counts(105.0, waited(), costs=costs))
    assert finding.costs == costs


@pytest.mark.parametrize(
    ("use", "why"),
    [
        (read(40, 19), "most blocks are new"),
        (read(19, 19), "a few blocks are no thrash"),
        (read(40, 40, disk_s=0.5, inflate_s=0.4), "it costs next to nothing"),
    ],
)
def test_what_is_no_thrash(use: CacheUse, why: str) -> None:
    assert not told(counts(101.0, cache_use()), counts(105.0, use)), why


def test_only_the_last_ten_seconds_count() -> None:
    """What has come once, long ago, is no thrash of now."""
    quiet = read(40, 19)
    events = each_second(cache_use(), quiet, *[quiet] * 12, read(59, 19 + 19))
    assert not told(*events)
    assert told(*events, counts(116.0, read(100, 70)))


def test_it_is_told_every_ten_seconds_and_once_when_it_is_over() -> None:
    steady = each_second(*(read(20 * n, 18 * n) for n in range(26)))
    quiet = [Walk(t=126.0 + 3 * n, started_t=126.0 + 3 * n, complete=True) for n in range(5)]
    findings = told(*steady, *quiet)
    assert [f.status for f in findings] == ["open", "update", "update", "update", "resolved"]
    assert len({finding.id for finding in findings}) == 1
    assert {finding.since_t for finding in findings} == {findings[0].since_t}
    assert findings[-1].t >= 125.0 + 9


def test_what_was_not_measured_is_null() -> None:
    past = read(40, 30, cache="0x0", name="files", entries=0, block_size=0, disk_reads=0)
    (finding,) = told(counts(101.0, cache_use()), counts(105.0, past, refaults=None))
    unknown = ("entries", "block_size", "hits", "bytes_used", "disk_s", "inflate_s", "refaults_kib")
    assert [name for name in unknown if getattr(finding, name) is not None] == []


def test_refaults_of_the_window() -> None:
    first = counts(101.0, cache_use(), refaults=1000)
    (finding,) = told(first, counts(105.0, read(40, 30), refaults=1600))
    assert finding.refaults_kib == 600 * 4


def test_it_has_not_begun_before_there_were_counts() -> None:
    """The first event may be from before the run; the kernel's counts are a second old at most."""
    early = Walk(t=90.0, started_t=90.0, complete=True)
    (finding,) = told(early, counts(101.0, read(40, 30)))
    assert (finding.since_t, finding.over_s) == (100.0, 1.0)


def test_caches_of_two_file_systems_are_judged_apart() -> None:
    other = {"device": "loop1", "dev": "7:1"}
    begun = counts(101.0, cache_use(), cache_use(**other))
    (finding,) = told(begun, counts(105.0, read(40, 30), read(40, 0, **other)))
    assert finding.dev == "7:0"


def test_any_number_of_caches_in_a_trace_costs_no_memory() -> None:
    run = analysis()
    for number in range(1000):
        run.feed(counts(101.0 + number, read(1, dev=f"7:{number}")))
    assert len(run.of(SquashfsCaches).windows) == 256


def test_counts() -> None:
    run = analysis()
    run.feed(counts(105.0, read(40, 19)))
    end = run.end()
    assert (end.counts["squashfs_blocks_read"], end.counts["squashfs_blocks_again"]) == (40, 19)
    assert (end.verdict, end.found) == ("clean", {"squashfs": 0})


def test_a_run_that_lost_something_or_lacks_a_probe_is_not_clean() -> None:
    run = analysis()
    run.feed(Lost(t=101.0, what="map_update", count=1))
    assert run.end().verdict == "inconclusive"
    for name in PROBES:
        probes = tuple(
            Probe(other, "kprobe", "missing" if other == name else "attached") for other in PROBES
        )
        end = analysis(probes=probes).end()
        assert (end.verdict, end.found) == ("inconclusive", {"squashfs": None})
        assert f"no probe on {name}" in end.why


def test_without_the_module_nothing_is_measured() -> None:
    waiting = tuple(Probe(name, "", "waiting", "its module is not loaded") for name in PROBES)
    end = analysis(probes=waiting).end()
    assert (end.found, end.counts["squashfs_blocks_read"]) == ({"squashfs": None}, None)

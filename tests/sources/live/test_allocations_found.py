"""On this kernel: the owner, order and size of large allocations are those that were made."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ktrace.detectors.allocation_use import caller_of, use_of
from ktrace.events import AllocationSite, Event, FreeBlocks
from ktrace.sources.live.source import LiveSource
from tests.tracer import ktrace

pytestmark = pytest.mark.kernel

RING = Path(__file__).parents[2] / "programs" / "packet_ring.py"
ORDER, BLOCKS = 5, 8
PATIENCE_S = 20.0


@pytest.fixture
def live() -> Iterator[LiveSource]:
    source = LiveSource(stuck_after=1.0, hot=("allocations",))
    source.load_symbols()
    yield source
    source.close()


@pytest.fixture
def ring(live: LiveSource) -> Iterator[subprocess.Popen[str]]:
    """One that is there, made while it is traced."""
    with subprocess.Popen(
        [sys.executable, str(RING), str(ORDER), str(BLOCKS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        assert process.stdin
        process.stdin.close()


def seen(
    live: LiveSource, wanted: Callable[[AllocationSite], bool], events: list[Event] | None = None
) -> AllocationSite:
    """The newest of a site that is so."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = list(live.read(0.1))
        if events is not None:
            events += found
        for event in found:
            if isinstance(event, AllocationSite) and wanted(event):
                return event
    raise AssertionError("no such site was told")


def is_ring(site: AllocationSite, pid: int) -> bool:
    return site.task.pid == pid and caller_of(site.stack).function == "packet_set_ring"


def test_a_packet_ring(live: LiveSource, ring: subprocess.Popen[str]) -> None:
    events: list[Event] = []
    site = seen(live, lambda s: is_ring(s, ring.pid), events)
    assert (site.what, site.order, site.calls, site.live) == ("pages", ORDER, BLOCKS, BLOCKS)
    assert site.bytes == site.live_bytes == BLOCKS * (4096 << ORDER)
    assert site.failed == 0
    assert not site.interrupt
    assert site.oldest_t is not None
    assert site.first_t <= site.oldest_t <= site.last_t <= site.t
    assert (site.no_retry, site.no_warn) == (True, True)  # alloc_one_pg_vec_page()
    assert "__GFP_NORETRY" in site.gfp
    assert use_of(site.stack, site.what).name == "packet ring"
    looks = [event for event in events if isinstance(event, FreeBlocks)]
    assert looks
    assert {zone.zone for zone in looks[0].zones} & {"Normal", "DMA32"}


def test_its_end_is_seen(live: LiveSource, ring: subprocess.Popen[str]) -> None:
    seen(live, lambda s: is_ring(s, ring.pid) and s.live == BLOCKS)
    assert ring.stdin
    ring.stdin.close()
    ring.wait()
    gone = seen(live, lambda s: is_ring(s, ring.pid) and s.live == 0)
    assert (gone.calls, gone.live_bytes, gone.oldest_t) == (BLOCKS, 0, None)


def test_smaller_ones_are_not_counted(ring: subprocess.Popen[str]) -> None:
    """Of a source that asks for more than the ring takes."""
    source = LiveSource(stuck_after=1.0, hot=("allocations",), min_order=ORDER + 1)
    source.load_symbols()
    with subprocess.Popen(
        [sys.executable, str(RING), str(ORDER), "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "ready\n"
        assert other.stdin
        other.stdin.close()
    events = source.finish()
    source.close()
    sites = [event for event in events if isinstance(event, AllocationSite)]
    assert all(site.order > ORDER for site in sites)
    assert not any(site.task.pid == other.pid and site.what == "pages" for site in sites)


def test_the_command(tmp_path: Path) -> None:
    """Traced, recorded, replayed, reported: nothing failed, and the owner is in all of them."""
    trace, owner = tmp_path / "a.ktrace", tmp_path / "ring-owner"
    owner.symlink_to(sys.executable)  # a name that nobody else has
    arguments = ["--order", str(ORDER), "--comm", owner.name, "-o", str(trace)]
    command = [str(owner), str(RING), str(ORDER), str(BLOCKS)]
    done = ktrace("big-alloc", *arguments, "--", *command, stdin=subprocess.DEVNULL)
    assert done.returncode in (0, 4), done.stdout + done.stderr
    verdict = "clean" if done.returncode == 0 else "inconclusive"
    busy = "of interrupts came while a probe was busy)"
    assert done.returncode == 0 or busy in done.stdout, done.stdout
    for text in (done.stdout, ktrace("report", str(trace)).stdout):
        row = next(line for line in text.splitlines() if line.startswith("packet_set_ring"))
        assert f"  {ORDER} " in row
        assert f"  {BLOCKS} " in row
        assert f"verdict: {verdict}" in text
    printed = ktrace("report", "--format", "json", str(trace)).stdout.splitlines()
    end = json.loads(printed[-1])
    assert (end["verdict"], end["found"]) == (verdict, {"big-alloc": 0})
    assert end["counts"]["large_allocations"] >= BLOCKS
    assert end["counts"]["large_allocations_failed"] == 0
    assert ktrace("replay", str(trace)).returncode == done.returncode


def test_a_recording_of_everything_has_it_on_request(tmp_path: Path) -> None:
    """And whoever reads it judges it, without being asked."""
    trace = tmp_path / "all.ktrace"
    command = [sys.executable, str(RING), str(ORDER), str(BLOCKS)]
    recorded = ktrace(
        "record", "--with", "big-alloc", "-o", str(trace), "--", *command, stdin=subprocess.DEVNULL
    )
    assert recorded.returncode in (0, 1, 4), recorded.stdout + recorded.stderr
    printed = ktrace("report", "--format", "json", str(trace)).stdout.splitlines()
    session, end = json.loads(printed[0]), json.loads(printed[-1])
    assert (session["command"], session["also"]) == ("record", ["big-alloc"])
    assert (session["min_order"], session["stalled_after"]) == (3, 0.1)
    assert set(end["found"]) > {"big-alloc", "oom-hang"}
    assert end["counts"]["large_allocations"] >= BLOCKS
    assert ktrace("replay", str(trace)).returncode == recorded.returncode


def test_other_commands_do_not_load_it() -> None:
    source = LiveSource(stuck_after=1.0)
    source.close()
    assert "mm_page_alloc" not in {probe.function for probe in source.probes}

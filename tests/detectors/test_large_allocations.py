"""Which large allocations are findings, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ktrace.detectors.allocation_use import caller_of, is_expected, use_of
from ktrace.detectors.analysis import Analysis
from ktrace.detectors.fragmentation import fragmentation_index, zone_states
from ktrace.detectors.large_allocations import LargeAllocations
from ktrace.events import (
    AllocationSite,
    AllocationsLeftOut,
    BlocksStolen,
    FreeBlocks,
    Steal,
    Task,
    TypeBlocks,
    ZoneBlocks,
)
from ktrace.findings import LargeAllocation, Probe
from ktrace.problems import PROBLEMS
from ktrace.task_filter import TaskFilter
from ktrace.views.kill_report import kill_section
from ktrace.views.large_allocation import details
from ktrace.views.large_allocation_report import section
from tests.factories import APP, SHELL, oom_kill, oom_victim, session

pytestmark = pytest.mark.unit

STACK = ("__alloc_pages_noprof+0x1", "alloc_pages_mpol+0x2", "nic_ring+0x3 [nic]", "nic_open+0x4")
NEEDED = next(problem for problem in PROBLEMS if problem.name == "big-alloc").probes


def site(t: float = 101.0, **changes: object) -> AllocationSite:
    values: dict[str, object] = {
        "t": t,
        "site": 1,
        "what": "pages",
        "task": APP,
        "interrupt": False,
        "cgroup": "/a",
        "order": 4,
        "gfp": "GFP_KERNEL",
        "gfp_mask": "0xcc0",
        "may_wait": True,
        "no_retry": False,
        "no_warn": False,
        "first_t": 100.5,
        "last_t": t - 0.1,
        "calls": 10,
        "bytes": 10 << 16,
        "failed": 0,
        "failed_t": None,
        "waited": 0,
        "waited_s": 0.0,
        "longest_s": 0.0,
        "longest_t": None,
        "reclaim_s": 0.0,
        "compaction_s": 0.0,
        "waits": (),
        "live": 2,
        "live_bytes": 2 << 16,
        "oldest_t": 100.6,
        "stack": STACK,
    }
    return AllocationSite(**(values | changes))  # type: ignore[arg-type]


def failed(t: float = 101.0, count: int = 1, **changes: object) -> AllocationSite:
    return site(t, failed=count, failed_t=t - 0.1, **changes)


def free(t: float, *normal: int, types: tuple[TypeBlocks, ...] = ()) -> FreeBlocks:
    zone = ZoneBlocks(0, "Normal", normal + (0,) * (11 - len(normal)))
    return FreeBlocks(
        t=t, looked_t=t, page_kib=4, zones=(zone,), types_t=t, types=types, pageblock_order=9
    )


def analysis(missing: str = "", **changes: object) -> Analysis:
    probes = tuple(
        Probe(name, "tp_btf", "missing" if name == missing else "attached") for name in NEEDED
    )
    return Analysis(session(command="big-alloc", probes=probes, **changes))


def fed(*events: object, **changes: object) -> tuple[Analysis, list[LargeAllocation]]:
    made = analysis(**changes)  # type: ignore[arg-type]
    found = [finding for event in events for finding in made.feed(event)]  # type: ignore[arg-type]
    return made, found  # type: ignore[return-value]


def test_nothing_fails() -> None:
    run, found = fed(site())
    assert not found
    end = run.end()
    assert (end.verdict, end.counts["large_allocations"]) == ("clean", 10)


def test_a_failure() -> None:
    run, (found,) = fed(free(100.5, 2048), failed())
    assert (found.reason, found.function, found.module) == ("failed", "nic_ring", "nic")
    assert (found.order, found.failed, found.use, found.contiguous) == (4, 1, "pages", "not-known")
    (zone,) = found.zones
    assert (zone.free_kib, zone.unusable_kib, zone.largest_kib) == (8192, 8192, 4)
    assert (zone.suitable, zone.index) == (0, 0.938)
    assert run.end().verdict == "found"


def test_it_is_told_again_when_it_has_doubled() -> None:
    _, found = fed(*(failed(101.0 + n, n) for n in range(1, 9)))
    assert [(each.status, each.failed) for each in found] == [
        ("open", 1),
        ("update", 2),
        ("update", 4),
        ("update", 8),
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"no_retry": True, "no_warn": True}, True),
        ({"may_wait": False, "no_warn": True}, True),
        ({"no_retry": True}, False),  # the kernel's log has a report
        ({"no_warn": True}, False),  # it tried as hard as it could
        ({"may_wait": False}, False),
        ({"no_retry": None, "no_warn": None, "may_wait": None}, False),  # nobody knows
        ({"what": "percpu", "no_retry": True, "no_warn": True}, False),
    ],
)
def test_a_failure_that_its_caller_is_prepared_for(
    changes: dict[str, object], expected: bool
) -> None:
    assert is_expected(failed(**changes)) is expected
    run, found = fed(failed(**changes))
    assert bool(found) is not expected
    assert run.end().counts["large_allocations_fell_back"] == int(expected)


def test_a_wait() -> None:
    waited = {"waited": 2, "waited_s": 0.3, "longest_t": 100.9}
    _, found = fed(site(longest_s=0.09, **waited))
    assert not found
    _, (stalled,) = fed(site(longest_s=0.25, **waited, no_retry=True, no_warn=True))
    assert stalled.reason == "stalled"
    _, found = fed(site(longest_s=0.25, **waited), stalled_after=0.5)
    assert not found


def test_an_oom_kill() -> None:
    kill = replace(oom_kill(100.9, by=SHELL), order=3, gfp_mask="0xcc0")
    made = site(task=SHELL, order=3, t=101.5)
    _, (found,) = fed(kill, made)
    assert (found.reason, found.victim, found.killed_t) == ("oom", APP, 100.9)
    assert found.kill_id == "oom-kill-20-100.900000"
    late = replace(kill, t=99.0)  # and what it was for took two seconds more
    assert fed(late, replace(made, longest_s=2.0, waited=1))[1][-1].victim == APP
    for other in (
        replace(kill, order=0),
        replace(kill, gfp_mask="0x1"),
        replace(kill, t=99.0),
        replace(kill, by=Task(5, 5, "other")),
    ):
        assert not [f for f in fed(other, made)[1] if isinstance(f, LargeAllocation)]


def test_a_kill_for_a_request_that_is_not_known_is_a_doubt() -> None:
    run, _ = fed(oom_victim(100.9), site())
    end = run.end()
    assert end.verdict == "inconclusive"
    assert "1 OOM kill for a request of unknown order" in end.why


def test_the_kill_and_what_it_was_for_are_told_together() -> None:
    kill = replace(oom_kill(100.9, by=SHELL), order=3, gfp_mask="0xcc0")
    run, (found,) = fed(kill, site(task=SHELL, order=3, t=101.5))
    asked = " ".join(line.strip() for line in section(run, [found], details))
    assert "LARGE ALLOCATION: nic_ring() of module nic" in asked
    assert "the OOM kill of appd[20]: " in asked
    told = " ".join(line.strip() for line in kill_section(run))
    assert "for a large allocation of nic_ring() of module nic, order 3 (64 KiB), by " in told


def test_the_look_before_the_failure() -> None:
    _, (found,) = fed(free(100.2, 1), free(100.8, 2), free(101.0, 3), failed(101.0))
    assert found.looked_t == 100.8
    _, (late,) = fed(free(101.0, 3), failed(101.0))
    assert late.looked_t == 101.0
    _, (blind,) = fed(failed())
    assert (blind.zones, blind.looked_t) == ((), None)


def test_blocks_of_each_migrate_type() -> None:
    types = (
        TypeBlocks(0, "Normal", "Movable", (0, 0, 0, 0, 1, 1), 9),
        TypeBlocks(0, "Normal", "Unmovable", (7,), 3),
    )
    (state,) = zone_states(free(1.0, 7, 0, 0, 0, 1, 1, types=types), 4)
    assert state.suitable == 3
    assert state.suitable_by_type == {"Movable": 3, "Unmovable": 0}


@pytest.mark.parametrize(
    ("blocks", "order", "index"),
    [  # as extfrag_index of debugfs says of the same blocks
        ((0,) * 11, 4, 0.0),
        ((0, 0, 0, 0, 1), 4, None),
        ((20480,), 4, 0.938),  # 80 MiB of single pages
        ((20480,), 10, 1.0),
        ((1,), 4, -0.062),
    ],
)
def test_fragmentation_index(blocks: tuple[int, ...], order: int, index: float | None) -> None:
    found = fragmentation_index(blocks, order)
    assert found == (None if index is None else pytest.approx(index, abs=0.0011))


def test_who_stole_blocks() -> None:
    steals = tuple(Steal(APP, "Unmovable", "Movable", n, n, 0, 100.0) for n in (9, 5, 3, 1))
    _, (found,) = fed(BlocksStolen(t=100.5, steals=steals), failed())
    assert [steal.count for steal in found.stolen] == [9, 5, 3]


@pytest.mark.parametrize(
    ("member", "doubt"),
    [("failures", True), ("waits", True), ("missed", True), ("live", False), ("calls", False)],
)
def test_what_was_not_counted(member: str, doubt: bool) -> None:
    nothing = AllocationsLeftOut(t=101.0, calls=0, failures=0, waits=0, live=0, steals=0, missed=0)
    run, _ = fed(site(), replace(nothing, **{member: 1}))
    assert run.end().verdict == ("inconclusive" if doubt else "clean")


def test_what_interrupts_ask_for_is_in_the_kernels_reports() -> None:
    """Where these are seen: then a probe that was busy has hidden no failure."""
    probes = tuple(Probe(name, "fentry", "attached") for name in (*NEEDED, "warn_alloc"))
    missed = AllocationsLeftOut(t=101.0, calls=0, failures=0, waits=0, live=0, steals=0, missed=4)
    run = Analysis(session(command="big-alloc", probes=probes))
    for event in (site(), missed):
        run.feed(event)
    assert run.end().verdict == "clean"
    run.feed(site(site=2, what="warning", order=0, calls=1))
    assert run.end().why == "the kernel reported 1 failure of unknown order"


@pytest.mark.parametrize("missing", NEEDED)
def test_a_probe_is_missing(missing: str) -> None:
    assert fed(site(), missing=missing)[0].end().verdict == "inconclusive"


def test_a_filter() -> None:
    run, found = fed(failed(), filter=TaskFilter(comm=("other",)))
    assert not found
    assert not run.of(LargeAllocations).sites
    _, found = fed(failed(interrupt=True), filter=TaskFilter(comm=("appd",)))
    assert not found  # it interrupted that task, and has nothing to do with it


def test_a_warning_of_the_kernel_is_no_second_failure() -> None:
    run, found = fed(failed(), site(site=2, what="warning", order=0, calls=1))
    assert [finding.id for finding in found] == ["alloc-1"]
    assert run.end().counts["large_allocations"] == 10
    assert not run.end().why


@pytest.mark.parametrize(
    ("frames", "what", "use", "caller"),
    [
        (
            ("___kmalloc_large_node", "__kmalloc_large_noprof", "dev_open"),
            "pages",
            "kmalloc",
            "dev_open",
        ),
        (
            ("___kmalloc_large_node", "__kvmalloc_node_noprof", "seq_read"),
            "pages",
            "kvmalloc",
            "seq_read",
        ),
        (("alloc_vmap_area", "__get_vm_area_node", "vmap", "drm"), "vmalloc", "vmalloc", "drm"),
        (
            ("alloc_vmap_area", "__vmalloc_node_range_noprof", "__kvmalloc_node_noprof", "x"),
            "vmalloc",
            "kvmalloc",
            "x",
        ),
        (
            ("allocate_slab", "___slab_alloc", "kmem_cache_alloc_noprof", "fork"),
            "pages",
            "slab",
            "fork",
        ),
        (
            ("__dma_direct_alloc_pages", "dma_alloc_attrs", "nic"),
            "pages",
            "DMA",
            "nic",
        ),
        (("alloc_pages_mpol", "f"), "pages", "pages", "f"),
        ((), "pages", "pages", ""),
    ],
)
def test_what_for_and_who(frames: tuple[str, ...], what: str, use: str, caller: str) -> None:
    stack = tuple(f"{frame}+0x1" for frame in frames)
    assert (use_of(stack, what).name, caller_of(stack).function) == (use, caller)

"""The kernel's counts as an event: names for what the structs of bpf/events.h have as numbers."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import pytest

from ktrace.kernel.gfp import GfpFlags
from ktrace.kernel.symbols import Symbols
from ktrace.kernel.task_state import TaskStates
from ktrace.probes.loader import OomCounts
from ktrace.sources.live.decode.decoder import Decoder
from ktrace.sources.live.decode.pages import PageDecoder
from ktrace.sources.live.decode.stacks import in_page_fault

pytestmark = pytest.mark.unit

PAGES = PageDecoder.of_kernel(None)

FUNCTIONS = {
    0x1000: "bpf_prog_1",
    0x2000: "bpf_trampoline_6442",
    0x3000: "out_of_memory",
    0x4000: "try_charge_memcg",
    0x5000: "handle_mm_fault",
}


class FakeSymbols:
    def name(self, address: int) -> str:
        return f"{FUNCTIONS[address & ~0xFFF]}+{address & 0xFFF:#x}"


@pytest.fixture
def decoder() -> Decoder:
    states: Any = object.__new__(TaskStates)
    made = Decoder(states, GfpFlags(((0xCC0, "GFP_KERNEL"),)), {"CONSTRAINT_MEMCG": 3}, PAGES)
    symbols: Any = FakeSymbols()
    made.use_symbols(symbols)
    return made


def caller(*addresses: int) -> SimpleNamespace:
    stack = (ctypes.c_uint64 * 64)(*addresses)
    task = SimpleNamespace(pid=20, tid=21, comm=b"appd\0")
    return SimpleNamespace(
        task=task, calls=90, first_t=10**9, last_t=2 * 10**9, stack=stack, stack_len=len(addresses)
    )


def counts(**changes: Any) -> SimpleNamespace:
    values: dict[str, Any] = {
        "first_t": 10**9,
        "last_t": 2 * 10**9,
        "calls": 100,
        "results": (1, 95, 3, 0),
        "constraint": 3,
        "order": 2,
        "gfp_mask": 0xCC0,
        "memcg_oom": 1,
        "memcg": b"app\0top\0\0\0\0",
    }
    return SimpleNamespace(**(values | changes))


def test_counts_of_a_memory_cgroup(decoder: Decoder) -> None:
    calls = caller(0x1001, 0x2002, 0x3003, 0x4004, 0x5005)
    event = decoder.oom_activity(3.0, OomCounts(7, 0, counts(), (calls,)))
    assert (event.t, event.call, event.memcg) == (3.0, "out_of_memory", "/top/app")
    assert (event.calls, event.killed, event.nobody, event.waits, event.other) == (100, 1, 95, 3, 0)
    assert (event.constraint, event.order, event.gfp) == ("CONSTRAINT_MEMCG", 2, "GFP_KERNEL")
    assert event.stack == ("try_charge_memcg+0x4", "handle_mm_fault+0x5")
    (told,) = event.callers
    assert (told.task.tid, told.task.comm, told.calls, told.in_fault) == (21, "appd", 90, True)


def test_counts_of_the_machine_without_results(decoder: Decoder) -> None:
    raw = counts(memcg_oom=0, results=(0, 0, 0, 0), gfp_mask=0)
    event = decoder.oom_activity(3.0, OomCounts(0, 1, raw, ()))
    assert (event.call, event.memcg) == ("reclaim_retry_zone", None)
    assert (event.constraint, event.gfp, event.callers, event.stack) == ("", "", (), ())


def test_page_faults() -> None:
    assert in_page_fault(("try_charge_memcg+0x1", "handle_mm_fault+0x1")) is True
    assert in_page_fault(("try_charge_memcg+0x1", "vfs_write+0x1")) is False
    assert in_page_fault(()) is None


def test_symbols_that_are_not_there_are_no_error() -> None:
    states: Any = object.__new__(TaskStates)
    made = Decoder(states, GfpFlags(()), None, PAGES)
    made.use_symbols(Symbols(()))
    event = made.oom_activity(3.0, OomCounts(7, 0, counts(), (caller(0x1001),)))
    assert len(event.stack) == 1

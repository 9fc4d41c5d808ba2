"""Call sites of large allocations, as the kernel's tables have them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from ktrace.kernel.gfp import GfpFlags
from ktrace.probes.allocation_maps import Living
from ktrace.sources.live.decode.allocations import AllocationDecoder
from ktrace.sources.live.decode.stacks import Stacks

pytestmark = pytest.mark.unit

RAW = SimpleNamespace(
    id=1,
    task=SimpleNamespace(pid=7, tid=7, comm=b"dd"),
    cgroup=b"\0" * 64,
    first_t=1_000_000_000,
    last_t=2_000_000_000,
    calls=4,
    bytes=4 << 15,
    failed=0,
    failed_t=0,
    waited=0,
    wait_ns=0,
    longest_ns=0,
    longest_t=0,
    reclaim_ns=0,
    compact_ns=0,
    waits=[0] * 28,
)
DECODER = AllocationDecoder(
    GfpFlags(()), cast(Stacks, SimpleNamespace(of=lambda raw: ("f+0x1",))), None
)


@pytest.mark.parametrize(("order", "live"), [(3, 2), (0, None)])
def test_of_single_pages_it_is_not_known_which_are_alive(order: int, live: int | None) -> None:
    key = SimpleNamespace(order=order, gfp=0)
    site = DECODER.site("pages", key, RAW, Living(2, 2 << 15, 1_500_000_000), t=3.0)
    assert (site.live, site.live_bytes, site.oldest_t) == (
        (live, 2 << 15, 1.5) if live else (None, None, None)
    )

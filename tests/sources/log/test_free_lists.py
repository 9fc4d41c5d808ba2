"""Page allocation failures: what the free lists say. The lines are those of show_free_areas(),
mm/show_mem.c of v6.1, and mm/page_alloc.c of v3.10."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrace.events import Alarm
from ktrace.sources.log.free_lists import FreeLists
from tests.sources.log.samples import events_of, stamped

pytestmark = pytest.mark.unit

HEAD = (
    "kworker/u8:2: page allocation failure: order:5, mode:0x40dc0(GFP_KERNEL|__GFP_COMP|"
    "__GFP_ZERO), nodemask=(null),cpuset=/,mems_allowed=0\n"
    "CPU: 1 PID: 155 Comm: kworker/u8:2 Tainted: G           OE      6.1.0-18-amd64 #1  Debian\n"
    "Call Trace:\n <TASK>\n dump_stack_lvl+0x44/0x5c\n warn_alloc+0x138/0x160\n"
    " __alloc_pages+0x30f/0x330\n ath10k_htt_rx_alloc+0x8c/0x300 [ath10k_core]\n </TASK>\n"
    "Mem-Info:\nactive_anon:32 inactive_anon:2023 isolated_anon:0\n"
)
DMA = (
    "Node 0 DMA free:1800kB boost:0kB min:88kB low:108kB high:128kB present:15992kB\n"
    "lowmem_reserve[]: 0 439 439 439 439\n"
)
DMA32 = (
    "Node 0 DMA32 free:78000kB boost:0kB min:2640kB low:3300kB high:3960kB present:507760kB\n"
    "lowmem_reserve[]: 0 0 0 0 0\n"
)
DMA_LIST = "Node 0 DMA: 2*4kB (U) 1*8kB (U) 0*16kB 0*32kB 0*64kB 0*128kB 1*1024kB (U) = 1040kB\n"
FRAGMENTED = "Node 0 DMA32: 9000*4kB (UME) 900*16kB (UE) 6*64kB (U) 0*128kB 0*256kB = 77984kB\n"


def failure(log: str) -> Alarm:
    (found,) = events_of(stamped(log))
    assert isinstance(found, Alarm)
    return found


def test_fragmentation() -> None:
    found = failure(HEAD + DMA + DMA32 + DMA_LIST + FRAGMENTED)
    assert found.title == ("page allocation failure, order 5, GFP_KERNEL|__GFP_COMP|__GFP_ZERO")
    assert found.detail == (
        "DMA: 1800 KiB free, minimum 88, up to 1756 kept back (lowmem_reserve), 1 free block of "
        "order 5 or more",
        "DMA32: 78000 KiB free, minimum 2640, largest free block 64 KiB",
        "fragmentation: enough was free, but no block of order 5 where it could be taken from",
    )


def test_little_memory() -> None:
    low = DMA32.replace("78000", "2600")
    assert "memory was low" in failure(HEAD + DMA + low + FRAGMENTED).detail[-1]


def test_a_block_that_would_do() -> None:
    found = FRAGMENTED.replace("0*128kB", "3*128kB (UM)")
    assert "3 free blocks of order 5" in failure(HEAD + DMA32 + found).detail[0]
    assert "a higher watermark or migrate type" in failure(HEAD + DMA32 + found).detail[-1]


def test_blocks_that_not_every_request_may_have() -> None:
    found = FRAGMENTED.replace("0*128kB", "3*128kB (C)")
    assert "CMA" in failure(HEAD + DMA32 + found).detail[-1]


def test_a_request_for_dma_memory() -> None:
    log = HEAD.replace("GFP_KERNEL|", "GFP_KERNEL|GFP_DMA|") + DMA + DMA32 + DMA_LIST + FRAGMENTED
    assert [line.partition(":")[0] for line in failure(log).detail] == ["DMA", "memory was low"]


def test_high_memory_is_not_for_every_request() -> None:
    lists = FreeLists()
    lists.take("HighMem free:90000kB min:512kB low:1000kB")
    lists.take("HighMem: 1*4kB (M) 0*8kB 100*512kB (M) = 51204kB")
    assert lists.says(3, "GFP_KERNEL") == []
    assert len(lists.says(3, "GFP_HIGHUSER_MOVABLE")) == 2


def test_two_nodes_are_told_apart() -> None:
    log = HEAD + DMA32 + DMA32.replace("Node 0", "Node 1") + FRAGMENTED
    assert [line[:6] for line in failure(log).detail[:2]] == ["Node 0", "Node 1"]


def test_a_mask_without_names() -> None:
    """warn_alloc_failed() of v3.10"""
    found = failure(
        "rtl8192cu: page allocation failure: order:4, mode:0x4020\n"
        "CPU: 0 PID: 0 Comm: swapper/0 Not tainted 3.10.104 #2\n"
        "[<c0015f88>] (unwind_backtrace+0x0/0xf8) from [<c0012a3c>] (show_stack+0x10/0x14)\n"
        "[<c0012a3c>] (show_stack+0x10/0x14) from [<bf03a1c0>] (rtl_usb_rx+0x44/0x1a0 [rtl_usb])\n"
        "Normal free:6000kB min:1400kB low:1750kB high:2100kB\nlowmem_reserve[]: 0 0 0\n"
        "Normal: 700*4kB (UEM) 300*8kB (UM) 50*16kB (U) 0*32kB 0*64kB = 6000kB\n"
    )
    assert found.title == "page allocation failure, order 4, GFP_ATOMIC|__GFP_COMP"
    assert found.stack[-1] == "rtl_usb_rx+0x44 [rtl_usb]"
    assert "fragmentation" in found.detail[-1]


def test_without_the_lists_nothing_is_made_up() -> None:
    assert failure(HEAD).detail == ()
    assert failure(HEAD + DMA32).detail[-1].startswith("the log does not tell")


@given(st.lists(st.text(alphabet="Node 01DMA32:kBfremin*()UMEC[]lowserv=", max_size=80)))
def test_any_lines(lines: list[str]) -> None:
    lists = FreeLists()
    for line in lines:
        lists.take(line)
    lists.says(3, "GFP_KERNEL")

"""ktrace.sources.live.decode.pages: words of a real struct page, from a Debian 6.1 guest."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ktrace.events import BadPage, Trigger
from ktrace.kernel.page_flags import Field, PageFlags
from ktrace.kernel.page_struct import PageStruct
from ktrace.sources.live.decode.pages import PageDecoder

pytestmark = pytest.mark.unit

NAMES = {0: "locked", 1: "referenced", 13: "private", 14: "private_2", 15: "writeback"}
FIELDS = (Field("node", 54, 10), Field("zone", 51, 3), Field("lastcpupid", 30, 21))
FLAGS = PageFlags("test", NAMES, FIELDS, at_prep=0x3EFFFFFF, at_free=0xE001)
LAYOUT = PageStruct({"_refcount": 52, "_mapcount": 48, "mapping": 24, "memcg_data": 56})
# one flipped bit, found on allocation
FLIPPED = (0xFFFFFC0004000, 0xDEAD000000000100, 0xDEAD000000000122, 0, 1, 0, 0xFFFFFFFF, 0)
AT_PREP = b"PAGE_FLAGS_CHECK_AT_PREP flag(s) set"


def decoded(
    words: tuple[int, ...],
    reason: bytes,
    decoder: PageDecoder | None = None,
    **changes: int,
) -> BadPage:
    raw = SimpleNamespace(
        event=SimpleNamespace(t=9_800_000_000),
        by=SimpleNamespace(pid=266, tid=266, comm=b"dd"),
        words=words,
        reason=reason.ljust(64, b"\0"),
        page=0xFFFFEA00002848C0,
        page_phys=0x1F6848C0,
        pfn=0xA123,
    )
    vars(raw).update(changes)
    decoder = decoder or PageDecoder(FLAGS, LAYOUT, "the boot", "6.1.0")
    return decoder.bad_page(raw, ("bad_page+0x1",))


def test_a_flipped_bit() -> None:
    page = decoded(FLIPPED, AT_PREP)
    assert page.triggered == (Trigger("flags", "0x4000", ("private_2",)),)
    assert (page.pfn, page.page, page.page_phys) == (0xA123, "0xffffea00002848c0", "0x1f6848c0")
    assert (page.path, page.boot, page.kernel) == ("alloc", "the boot", "6.1.0")
    assert page.fields == ("node=0", "zone=1", "lastcpupid=0x1fffff")
    assert (page.refcount, page.mapcount, page.mapping, page.memcg) == (0, 0, "0x0", "0x0")
    assert page.words[0] == page.flags == "0xfffffc0004000"


def test_everything_that_is_wrong_not_only_the_kernels_last_reason() -> None:
    words = (0xFFFFFC0008001, 0, 0, 0x6E75727265766F, 0, 0, 0x1_00000000, 0xFFFF8880)
    page = decoded(words, b"page still charged to cgroup")
    # the path is not known here: the wider mask
    assert [trigger.what for trigger in page.triggered] == [
        *("flags", "mapcount", "mapping", "refcount", "memcg"),
    ]
    assert page.triggered[0].names == ("locked", "writeback")


def test_a_flipped_bit_of_mapping_has_its_place() -> None:
    words = (*FLIPPED[:3], 1 << 38, *FLIPPED[4:])
    page = decoded((0xFFFFFC0000000, *words[1:]), b"non-NULL mapping")
    assert page.triggered == (Trigger("mapping", "0x4000000000", (), 24),)


def test_what_could_not_be_found_is_not_known() -> None:
    page = decoded(FLIPPED, AT_PREP, page_phys=0, pfn=-1)
    assert (page.pfn, page.page_phys) == (None, None)


def test_page_pool_only_when_the_kernel_says_so() -> None:
    layout = PageStruct(LAYOUT.offsets | {"pp_magic": 8})
    decoder = PageDecoder(FLAGS, layout, "", "")
    words = (0, 0xDEAD000000000040, *FLIPPED[2:])
    for reason, expected in ((b"page_pool leak", ["page_pool"]), (b"nonzero mapcount", [])):
        page = decoded(words, reason, decoder)
        assert [trigger.what for trigger in page.triggered] == expected


def test_a_reason_that_is_no_text() -> None:
    assert decoded(FLIPPED, b"\xff\x1b[2J").reason == "\\xff\x1b[2J"

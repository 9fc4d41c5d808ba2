"""ktrace.kernel.page_struct: what a struct page counts."""

from __future__ import annotations

import pytest

from ktrace.kernel.btf import Btf
from ktrace.kernel.page_struct import PageStruct

V61 = PageStruct({"_refcount": 52, "_mapcount": 48, "mapping": 24, "memcg_data": 56, "pp_magic": 8})
FREE = (0xFFFFFC0000000, 0xDEAD000000000100, 0xDEAD000000000122, 0, 1, 0, 0xFFFFFFFF, 0)


@pytest.mark.unit
def test_a_free_page_counts_nothing() -> None:
    counts = V61.counts(FREE)
    assert (counts.refcount, counts.mapcount, counts.mapping, counts.memcg) == (0, 0, 0, 0)


@pytest.mark.unit
def test_counts_are_signed() -> None:
    words = [*FREE[:6], 0xFFFFFFFF_00000002, 0xFFFF888003210001]
    counts = V61.counts(words)
    assert (counts.refcount, counts.mapcount, counts.memcg) == (-1, 3, 0xFFFF888003210001)


@pytest.mark.unit
def test_what_the_kernel_does_not_have_is_not_known() -> None:
    counts = PageStruct({}).counts(FREE)
    assert (counts.refcount, counts.mapcount, counts.mapping, counts.memcg) == (None,) * 4
    assert PageStruct({"memcg_data": 56}).counts(FREE[:4]).memcg is None


@pytest.mark.kernel
def test_the_running_kernels_layout() -> None:
    btf = Btf.of_kernel()
    try:
        offsets = PageStruct.of_btf(btf).offsets
        assert btf.member_offset("page", "flags") == 0
        assert btf.member_offset("page", "no such member") is None
        assert btf.member_offset("no such struct", "flags") is None
    finally:
        btf.close()
    # both are in every kernel, in front of memcg_data; mapping is in an unnamed union
    assert offsets["mapping"] < offsets["_mapcount"] < offsets["_refcount"]
    assert offsets["_refcount"] == offsets["_mapcount"] + 4


# Debian 6.1 armhf
V61_ARM = PageStruct(
    {"_refcount": 28, "_mapcount": 24, "mapping": 12, "memcg_data": 32, "lru": 4},
    word_bytes=4,
    size=40,
)


@pytest.mark.unit
def test_words_of_a_32_bit_kernel_end_with_its_page() -> None:
    longs = (0x100_00001000, 0x122, 0, 0x1_FFFFFFFF, 0xC1234001, 7, 8, 9)
    words = V61_ARM.words(longs)
    assert words == (0x1000, 0x100, 0x122, 0, 0, 0, 0xFFFFFFFF, 1, 0xC1234001, 0)
    counts = V61_ARM.counts(words)
    assert (counts.refcount, counts.mapcount, counts.mapping) == (1, 0, 0)
    assert (counts.memcg, counts.lru) == (0xC1234001, (0x100, 0x122))

"""ktrace.kernel.page_words: "raw:" words of several kernels, taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrace.kernel.page_words import page_words

pytestmark = pytest.mark.unit

# after mm/debug.c and struct page (include/linux/mm_types.h) of v6.1, v4.14 and, of 32 bits, v4.15
V6_1 = (
    "000fffffc0004000 dead000000000100 dead000000000122 ffff950c977d7a00 "
    "0000000000000001 ffff888066758690 00000001ffffffff ffff950ad698b000"
).split()
V4_14 = (
    "02ffff8000000000 ffff880279688308 0000000000000000 fffffffeffffffff "
    "dead000000000100 dead000000000200 0000000000000007"
).split()
V4_15_I386 = (
    "7e000000 f5818f94 00000001 00000001 00000000 00000100 00000200 00000000 00000000 00000000"
).split()
V6_10_I386 = (
    "40000014 00000000 00000122 00000000 00000000 00000000 fffffffe 00000000 00000000 00000000"
).split()


def test_since_4_18() -> None:
    words = page_words(V6_1, refcount=1, mapcount=0)
    assert words is not None
    assert (words.mapping, words.private) == (0xFFFF950C977D7A00, 0xFFFF888066758690)
    assert (words.mapcount, words.refcount) == (0xFFFFFFFF, 1)
    assert words.lru == (0xDEAD000000000100, 0xDEAD000000000122)
    assert (words.flags, words.memcg) == (0xFFFFFC0004000, 0xFFFF950AD698B000)


def test_until_4_17() -> None:
    words = page_words(V4_14, refcount=-2, mapcount=0)
    assert words is not None
    assert (words.mapping, words.private, words.refcount) == (0xFFFF880279688308, 7, -2)
    assert words.memcg is None


@pytest.mark.parametrize(
    ("printed", "refcount", "mapcount", "mapping"),
    [(V4_15_I386, 0, 2, 0xF5818F94), (V6_10_I386, 0, -1, 0)],
)
def test_32_bits(printed: list[str], refcount: int, mapcount: int, mapping: int) -> None:
    words = page_words(printed, refcount, mapcount)
    assert words is not None
    assert words.mapping == mapping
    assert words.mapcount == (mapcount - 1) & 0xFFFFFFFF


def test_a_big_endian_kernel() -> None:
    printed = [*V6_1[:6], "ffffffff00000000", V6_1[7]]
    words = page_words(printed, refcount=0, mapcount=0)
    assert words is not None
    assert (words.mapcount, words.refcount) == (0xFFFFFFFF, 0)


def test_half_of_them() -> None:
    words = page_words(V6_1[:4], refcount=0, mapcount=0)
    assert words is not None
    assert words.mapping == 0xFFFF950C977D7A00
    assert (words.private, words.mapcount, words.refcount, words.memcg) == (None,) * 4


@pytest.mark.parametrize("printed", [[], ["0" * 8, "0" * 16], ["0" * 4]])
def test_what_is_no_struct_page(printed: list[str]) -> None:
    assert page_words(printed, None, None) is None


@given(
    st.lists(st.integers(0, 2**64 - 1).map(lambda word: f"{word:016x}"), max_size=16),
    st.none() | st.integers(-(2**40), 2**40),
    st.none() | st.integers(-(2**40), 2**40),
)
def test_anything(printed: list[str], refcount: int | None, mapcount: int | None) -> None:
    words = page_words(printed, refcount, mapcount)
    assert (words is None) == (not printed)

"""ktrace.kernel.page_types: what _mapcount says of a page that is not mapped."""

from __future__ import annotations

import pytest

from ktrace.kernel.btf import Btf
from ktrace.kernel.page_types import PageTypes, page_type, page_types_of
from ktrace.kernel.release import release_of


@pytest.mark.unit
@pytest.mark.parametrize(
    ("mapcount", "release", "name"),
    [
        (-128, (4, 7), "buddy"),
        (-128, (2, 6, 31), ""),
        (-256, (3, 10), ""),
        (-256, (4, 4), "balloon"),
        (-512, (4, 8), "kmemcg"),
        (-129, (4, 18), "buddy"),
        (-1025, (5, 10), "table"),
        (-1025, (5, 15), "guard"),
        (-1025, (), "table or guard"),
        (-129, (), "buddy"),
        (0xF0000000, (7, 0), "buddy"),
        (0xF2000000, (6, 13), "table"),
        (0xF2000000, (5, 15), ""),
        (0xFEFFFFFF, (6, 11), "zsmalloc"),
        (-2, (6, 10, 10), ""),
        (-2, (), ""),
        (-1, (), ""),
        (0, (), ""),
        (7, (6, 1), ""),
    ],
)
def test_by_release(mapcount: int, release: tuple[int, ...], name: str) -> None:
    assert page_type(mapcount & 0xFFFFFFFF, release) == name


class _Enum:
    """A BTF that has just this."""

    def __init__(self, members: dict[str, int] | None) -> None:
        self._members = members

    def enum(self, name: str) -> dict[str, int] | None:
        assert name == "pagetype"
        return self._members


@pytest.mark.unit
@pytest.mark.parametrize(
    ("members", "mapcount", "name"),
    [
        ({"PGTY_buddy": 0xF0, "PGTY_mapcount_underflow": 0xFF}, 0xF0000000, "buddy"),
        ({"PGTY_buddy": 0xF0, "PGTY_mapcount_underflow": 0xFF}, 0xFFFFFFFE, ""),
        ({"PG_buddy": 0x40000000, "PAGE_TYPE_BASE": 0x80000000}, 0xBFFFFFFF, "buddy"),
    ],
)
def test_by_btf(members: dict[str, int], mapcount: int, name: str) -> None:
    types = PageTypes.of_btf(_Enum(members))  # type: ignore[arg-type]
    assert types is not None
    assert types.of(mapcount) == name


@pytest.mark.unit
def test_a_kernel_without_the_enum() -> None:
    assert PageTypes.of_btf(_Enum(None)) is None  # type: ignore[arg-type]


@pytest.mark.kernel
def test_this_kernel_agrees_with_its_release() -> None:
    import platform

    btf = Btf.of_kernel()
    try:
        asked = PageTypes.of_btf(btf)
    finally:
        btf.close()
    known = page_types_of(release_of(platform.release()))
    assert asked is None or known is None or asked.of(0xF0000000) == known.of(0xF0000000)

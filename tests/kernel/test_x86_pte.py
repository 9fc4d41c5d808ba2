"""ktrace.kernel.x86_pte: entries of page tables."""

import pytest

from ktrace.kernel.x86_pte import pte_flags, pte_pfn

pytestmark = pytest.mark.unit

INVERTED = (~(0x12123 << 12) & ((1 << 52) - 1) & ~0xFFF) | 0x8000000000000120


@pytest.mark.parametrize(
    ("pte", "release", "pfn"),
    [
        (0x8000000412345867, (6, 1), 0x412345),
        (0x8000000412345867, (), 0x412345),
        (INVERTED, (6, 1), 0x12123),
        (INVERTED, (4, 14, 60), None),  # it may have the fix, or not
        (INVERTED, (), None),
        (0x0000000012345000, (6, 1), None),  # a swap entry
        (0, (6, 1), None),
    ],
)
def test_page_frame(pte: int, release: tuple[int, ...], pfn: int | None) -> None:
    assert pte_pfn(pte, release) == pfn


def test_flags() -> None:
    assert pte_flags(0x8000000412345867) == "present|rw|user|accessed|dirty|nx"
    assert pte_flags(INVERTED) == "prot_none"
    assert pte_flags(0x1000) == "not present"

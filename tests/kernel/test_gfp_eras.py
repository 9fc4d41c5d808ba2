"""ktrace.kernel.gfp_eras: masks of old kernels in words."""

import pytest

from ktrace.kernel.gfp_eras import gfp_names

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("mask", "release", "names"),
    [
        (0x200DA, (3, 0), "GFP_HIGHUSER_MOVABLE"),
        (0x201DA, (2, 6, 31), "GFP_HIGHUSER_MOVABLE|__GFP_COLD"),
        (0x280DA, (3, 13), "GFP_HIGHUSER_MOVABLE|__GFP_ZERO"),
        (0xD0, (3, 10), "GFP_KERNEL"),
        (0x20858, (4, 1), "GFP_NOFS|__GFP_MOVABLE|__GFP_NOFAIL|__GFP_HARDWALL"),
        (0x2000050, (4, 1), "GFP_NOFS|0x2000000"),
        (0x24201CA, (4, 4), "GFP_HIGHUSER_MOVABLE|__GFP_COLD"),
        (0x2080020, (4, 5), "GFP_ATOMIC"),
        (0x26080C0, (4, 4, 210), "GFP_KERNEL|__GFP_ZERO|__GFP_NOTRACK"),
        (0x2204020, (4, 4), "GFP_NOWAIT|__GFP_HIGH|__GFP_COMP|__GFP_NOTRACK"),
        (0x24201CA, (4, 6), ""),
        (0xCC0, (5, 4), ""),
        (0xD0, (), ""),
    ],
)
def test_names(mask: int, release: tuple[int, ...], names: str) -> None:
    assert gfp_names(mask, release) == names

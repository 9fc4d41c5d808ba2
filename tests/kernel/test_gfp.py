"""ktrace.kernel.gfp: allocation flags named as the kernel itself names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrace.kernel.gfp import GfpFlags
from ktrace.kernel.tracefs import tracepoint_format

GOLDEN = Path(__file__).parent.parent / "golden" / "mm_page_alloc-6.18.format"
FLAGS = GfpFlags.from_format(GOLDEN.read_text())

# As v4.19 prints them: numbers with suffixes instead of shifts
OLD = GfpFlags.from_format(
    'print fmt: "gfp_flags=%s", (REC->gfp_flags) ? __print_flags(REC->gfp_flags, "|", '
    "{(unsigned long)((( gfp_t)(0x400000u|0x200000u)) | (( gfp_t)0x40u) | (( gfp_t)0x80u)), "
    '"GFP_KERNEL"}, {(unsigned long)(( gfp_t)0x20u), "__GFP_HIGH"}, '
    '{(unsigned long)(( gfp_t)0), "__GFP_NOTHING"}) : "none"'
)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("mask", "names"),
    [
        (0xCC0, "GFP_KERNEL"),
        (0x400CC0, "GFP_KERNEL_ACCOUNT"),
        (0xDC0, "GFP_KERNEL|__GFP_ZERO"),
        (0x140CCA, "GFP_HIGHUSER_MOVABLE|__GFP_COMP"),
        (0x100CCA, "GFP_HIGHUSER_MOVABLE"),
        (0x820, "GFP_ATOMIC"),
        (0x2800, "GFP_NOWAIT"),
        (0x800CC0, "GFP_KERNEL|__GFP_ZEROTAGS"),
        (0x80000CC0, "GFP_KERNEL|0x80000000"),
        (0x0, "0x0"),
        (0x40000000, "0x40000000"),
    ],
)
def test_names_of_6_18(mask: int, names: str) -> None:
    assert FLAGS.names(mask) == names


@pytest.mark.unit
def test_every_entry_of_6_18_is_read() -> None:
    written = GOLDEN.read_text().count("GFP_")
    assert len(FLAGS.masks) == written
    # GFP_TRANSHUGE is GFP_TRANSHUGE_LIGHT with direct reclaim: the wider name comes first
    assert FLAGS.masks[0][1] == "GFP_TRANSHUGE"


@pytest.mark.unit
def test_names_of_an_old_kernel() -> None:
    assert OLD.names(0x6000C0) == "GFP_KERNEL"
    assert OLD.names(0x20) == "__GFP_HIGH"
    assert OLD.names(0x6000E0) == "GFP_KERNEL|__GFP_HIGH"


@pytest.mark.unit
@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "print fmt: no flags here",
        '__print_flags(REC->gfp_flags, "|", {__import__("os").getpid(), "EVIL"})',
        '__print_flags(REC->gfp_flags, "|", {1 << -1, "NEGATIVE"})',
        '__print_flags(REC->gfp_flags, "|", {, "EMPTY"})',
    ],
)
def test_text_without_flags_gives_numbers(text: str | None) -> None:
    assert GfpFlags.from_format(text).names(0xCC0) == "0xcc0"


@pytest.mark.kernel
def test_names_on_this_kernel() -> None:
    text = tracepoint_format("kmem", "mm_page_alloc")
    if text is None:
        pytest.skip("tracefs is not mounted")
    flags = GfpFlags.from_format(text)
    by_name = {name: mask for mask, name in flags.masks}
    for name in ("GFP_KERNEL", "GFP_ATOMIC", "GFP_HIGHUSER_MOVABLE", "__GFP_COMP"):
        assert flags.names(by_name[name]) == name

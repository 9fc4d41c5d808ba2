"""Page flags by BTF and by table: names, fields, and what bad_page() minds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrace.events import Trigger
from ktrace.kernel.btf import Btf
from ktrace.kernel.config import running_config
from ktrace.kernel.page_flag_eras import (
    BY_NAME,
    ERAS,
    era_of_release,
    era_that_prints,
    page_flags_of,
)
from ktrace.kernel.page_flags import PageFlags, count_triggers, refused
from tests.kernel.btf_blob import Blob

ERA_6_1 = page_flags_of(BY_NAME["6.1"])


def kernel_blob(**changes: int) -> bytes:
    """The types of Debian's 6.1 that the layout needs."""
    sizes = {"zonerefs": 5121, "cpu_words": 128} | changes
    blob = Blob()
    flags = {f"PG_{name}": bit for bit, name in ERA_6_1.names.items()}
    blob.enum("pageflags", {**flags, "__NR_PAGEFLAGS": 24, "PG_checked": 10, "PG_reported": 2})
    blob.enum("zone_type", {"ZONE_DMA": 0, "ZONE_NORMAL": 2, "__MAX_NR_ZONES": 5})
    word = blob.integer("unsigned long", 8)
    zoneref = blob.structure("zoneref", 16, [("zone_idx", word, 8)])
    refs = blob.array(zoneref, word, sizes["zonerefs"])
    blob.structure("zonelist", 16 * sizes["zonerefs"], [("_zonerefs", refs, 0)])
    words = blob.array(word, word, sizes["cpu_words"])
    blob.structure("cpumask", 8 * sizes["cpu_words"], [("bits", words, 0)])
    blob.structure("task_struct", 8, [("numa_scan_period", word, 0)])
    if sizes.get("lru_gen", 1):
        blob.structure("lruvec", 8, [("lrugen", word, 0)])
    return bytes(blob)


def layout(path: Path, config: dict[str, str] | None = None, **changes: int) -> PageFlags:
    path.write_bytes(kernel_blob(**changes))
    btf = Btf.of_file(str(path))
    try:
        return PageFlags.of_btf(btf, "blob", config)
    finally:
        btf.close()


@pytest.mark.unit
def test_btf_gives_the_layout_of_debians_6_1(tmp_path: Path) -> None:
    """Which bits the check sees there was measured, by setting each: 0-23 and 25-29."""
    found = layout(tmp_path / "btf")
    assert found.fields == ERA_6_1.fields
    assert found.names == ERA_6_1.names
    assert found.at_prep == sum(1 << bit for bit in (*range(24), *range(25, 30)))
    assert (found.at_prep, found.at_free) == (ERA_6_1.at_prep, ERA_6_1.at_free)


@pytest.mark.unit
def test_fields_follow_the_kernels_sizes(tmp_path: Path) -> None:
    found = layout(tmp_path / "btf", zonerefs=5 * 64 + 1, cpu_words=1, lru_gen=0)
    assert [(field.name, field.shift, field.width) for field in found.fields] == [
        ("node", 58, 6),
        ("zone", 55, 3),
        ("lastcpupid", 41, 14),
    ]


@pytest.mark.unit
def test_the_configuration_says_what_btf_does_not(tmp_path: Path) -> None:
    found = layout(tmp_path / "btf", {"CONFIG_NR_CPUS": "8", "CONFIG_KASAN_HW_TAGS": "y"})
    widths = {field.name: field.width for field in found.fields}
    assert (widths["lastcpupid"], widths["kasantag"]) == (11, 8)


@pytest.mark.unit
def test_a_field_that_does_not_fit_is_not_there(tmp_path: Path) -> None:
    found = layout(tmp_path / "btf", {"CONFIG_NR_CPUS": str(1 << 40)})
    assert "lastcpupid" not in {field.name for field in found.fields}


@pytest.mark.unit
def test_btf_without_the_enum(tmp_path: Path) -> None:
    blob = Blob()
    blob.integer("int", 4)
    (tmp_path / "btf").write_bytes(bytes(blob))
    btf = Btf.of_file(str(tmp_path / "btf"))
    with pytest.raises(ValueError, match="pageflags"):
        PageFlags.of_btf(btf, "blob")
    btf.close()


# What kernels of these releases printed beside the numbers, in public reports
@pytest.mark.unit
@pytest.mark.parametrize(
    ("era", "flags", "names"),
    [
        ("2.6.31-i386", 0x80004000, "head"),
        ("2.6.38-i386", 0x40000404, "referenced|reserved"),
        ("2.6.38", 0x28000C, "referenced|uptodate|swapbacked|mlocked"),
        (
            "4.4",
            0x187878,
            "uptodate|dirty|lru|active|private|private_2|writeback|head|unevictable|mlocked",
        ),
        ("4.20", 0x82034, "uptodate|lru|active|private|swapbacked"),
        ("4.20", 0x20014, "uptodate|lru|mappedtodisk"),
        ("4.20", 0x10200, "slab|head"),
        ("6.1", 0xFFFFFC0004000, "private_2"),
    ],
)
def test_tables_agree_with_what_kernels_printed(era: str, flags: int, names: str) -> None:
    assert "|".join(page_flags_of(BY_NAME[era]).decode(flags).names) == names


@pytest.mark.unit
def test_fields_and_names_of_6_1() -> None:
    decoded = ERA_6_1.decode(0x000FFFFFC0004000)
    assert decoded.fields == ("node=0", "zone=1", "lastcpupid=0x1fffff")
    assert ERA_6_1.decode(1 << 24).names == ("bit 24",)
    assert "lru_gen=1" in ERA_6_1.decode(1 << 27).fields


@pytest.mark.unit
@given(st.sampled_from(ERAS), st.integers(0, 2**64 - 1))
def test_no_set_bit_is_left_out(era: object, flags: int) -> None:
    found = page_flags_of(era)  # type: ignore[arg-type]
    decoded = found.decode(flags)
    in_fields = sum(field.mask for field in found.fields)
    assert len(decoded.names) >= (flags & ~in_fields).bit_count()
    for field in found.fields:
        if flags & field.mask:
            assert any(text.startswith(f"{field.name}=") for text in decoded.fields)


@pytest.mark.unit
def test_every_test_that_fails_is_a_trigger() -> None:
    found = ERA_6_1.triggers(
        "free", 0x4010, refcount=-1, mapcount=2, mapping=0xFFFF888000000000, memcg=0, page_pool=1
    )
    assert found == (
        Trigger("flags", "0x4010", ("lru", "private_2")),
        Trigger("mapcount", "0x2", ()),
        Trigger("mapping", "0xffff888000000000", ()),
        Trigger("refcount", "0xffffffff", ()),
        Trigger("page_pool", "0x1", ()),
    )


@pytest.mark.unit
def test_the_paths_mind_different_flags() -> None:
    head = 1 << 16
    assert ERA_6_1.triggers("free", head) == ()
    assert ERA_6_1.triggers("alloc", head) == (Trigger("flags", "0x10000", ("head",)),)
    assert ERA_6_1.triggers("alloc", 1 << 28) == (
        Trigger("flags", "0x10000000", ("lru_gen bit 28",)),
    )
    assert ERA_6_1.triggers("alloc", 0xF << 50) == ()


@pytest.mark.unit
@pytest.mark.parametrize(
    ("release", "i386", "era"),
    [
        ((2, 6, 31), True, "2.6.31-i386"),
        ((2, 6, 31), False, "2.6.31"),
        ((3, 10), True, "2.6.38-i386"),
        ((4, 3), False, "2.6.38"),
        ((4, 9), True, "4.4"),
        ((4, 19), False, "4.10"),
        ((5, 10), False, "4.20"),
        ((6, 1, 5), False, "6.1"),
        ((6, 12), False, None),
        ((6, 18), False, "6.18"),
        ((7, 1), False, None),
        ((2, 6, 18), False, None),
    ],
)
def test_which_table_fits_a_release(release: tuple[int, ...], i386: bool, era: str | None) -> None:
    found = era_of_release(release, i386)
    assert (found.name if found else None) == era


@pytest.mark.unit
@pytest.mark.parametrize(
    ("flags", "names", "release", "era"),
    [
        (0xFFF0000000400C, "referenced uptodate private", (6, 10), "6.10"),
        (0x5FFC00000001000, "reserved", (6, 5), "4.20"),
        (0xFFFF0000002000, "reserved", (6, 12), "6.10"),
        (0x8800, "slab private", (6, 8), "6.7"),
        (0x800, "owner_2", (6, 13), "6.18"),
        (0x4000, "private_9", (6, 10), None),
        (0x4000, "", (6, 10), None),
    ],
)
def test_the_names_that_a_kernel_printed_find_the_table(
    flags: int, names: str, release: tuple[int, ...], era: str | None
) -> None:
    found = era_that_prints(flags, set(names.split()), release)
    assert (found.name if found else None) == era


@pytest.mark.unit
def test_what_the_check_minds_by_name() -> None:
    names = ("referenced", "uptodate", "private", "hwpoison")
    assert refused("free", names) == ("private",)
    assert refused("alloc", names) == ("referenced", "uptodate", "private")


@pytest.mark.unit
def test_a_page_type_stands_for_the_map_count() -> None:
    """mapcount as printed: _mapcount + 1."""
    (found,) = count_triggers(0, -1024, 0, 0, page_type="table")
    assert found == Trigger("page_type", "0xfffffbff", ("table",))


@pytest.mark.kernel
def test_this_kernel() -> None:
    btf = Btf.of_kernel()
    found = PageFlags.of_btf(btf, "this kernel", running_config())
    btf.close()
    assert found.names[0] == "locked"
    assert found.at_free & ~found.at_prep == 0
    assert sum(field.mask for field in found.fields) & sum(1 << bit for bit in found.names) == 0
    assert {"zone"} <= {field.name for field in found.fields}

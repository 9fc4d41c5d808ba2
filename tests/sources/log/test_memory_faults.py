"""Reports of the memory itself, after the formats of the kernel's own printk()."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrace.detectors.analysis import Analysis
from ktrace.events import MemoryFault
from ktrace.findings import AlarmFinding, Finding, PageCorruption, RamCell
from ktrace.sources.log.memory_faults import _READERS, memory_fault
from tests.factories import session
from tests.sources.log.samples import SEED, events_of

pytestmark = pytest.mark.unit


def fault(class_: str, *lines: str) -> MemoryFault | None:
    return memory_fault(class_, lines, t=1.0, boot="b")


def known(class_: str, *lines: str) -> MemoryFault:
    found = fault(class_, *lines)
    assert found is not None
    return found


def test_a_machine_check_of_the_memory_controller() -> None:
    """print_mce() of arch/x86/kernel/cpu/mce/core.c, v6.1"""
    found = known(
        "machine-check",
        "mce: [Hardware Error]: CPU 0: Machine Check: 0 Bank 8: 8c00004000010090",
        "mce: [Hardware Error]: TSC 0 ADDR 1fa84880 MISC 140545e86 ",
    )
    assert (found.what, found.address, found.size) == ("machine-check", "0x1fa84880", 64)
    assert found.corrected


@pytest.mark.parametrize(
    "status",
    [
        "8c0000400001017a",  # a cache
        "8800004000010090",  # without an address
    ],
)
def test_other_machine_checks_are_none_of_ram(status: str) -> None:
    assert fault("machine-check", f"CPU 0: Machine Check: 0 Bank 8: {status}", "ADDR 40") is None


def test_edac() -> None:
    """edac_ce_error() of drivers/edac/edac_mc.c, v5.8"""
    found = known(
        "edac",
        "EDAC MC0: 3 CE memory read error on CPU_SrcID#0_MC#0_Chan#0_DIMM#0 (channel:0 slot:0 "
        "page:0x1fa84 offset:0x8c0 grain:32 syndrome:0x0 -  OVERFLOW err_code:0001:0090)",
    )
    assert (found.address, found.size, found.count) == ("0x1fa848c0", 32, 3)
    assert (found.label, found.corrected) == ("CPU_SrcID#0_MC#0_Chan#0_DIMM#0", True)


def test_edac_of_before_3_5() -> None:
    found = known(
        "edac",
        'EDAC MC0: UE page 0x1fa84, offset 0x0, grain 128, row 0, label "DIMM_B": i82975x UE',
    )
    assert (found.address, found.corrected, found.label) == ("0x1fa84000", False, "DIMM_B")


def test_edac_that_does_not_know_where() -> None:
    line = "EDAC MC0: 1 CE on any memory (page:0x0 offset:0x0 grain:32 syndrome:0x0)"
    assert known("edac", line).address is None


def test_cper() -> None:
    """cper_print_mem() of drivers/firmware/efi/cper.c, v5.15"""
    found = known(
        "machine-check",
        "{1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 4",
        "{1}[Hardware Error]: It has been corrected by h/w and requires no further action",
        "{1}[Hardware Error]:   section_type: memory error",
        "{1}[Hardware Error]:   physical_address: 0x000000001fa84880",
        "{1}[Hardware Error]:   DIMM location: CPU1 DIMM_A1",
    )
    assert (found.what, found.address) == ("cper", "0x1fa84880")
    assert (found.corrected, found.label) == (True, "CPU1 DIMM_A1")


@pytest.mark.parametrize(
    "line",
    [
        "  5555555555555555 bad mem addr 0x000000001fa848c0 - 0x000000001fa848c8 reserved",
        "  5555555555555555 bad mem addr 001fa848c0 - 001fa848c8 reserved",  # until 4.6
    ],
)
def test_memtest(line: str) -> None:
    found = known("memtest", line)
    assert (found.what, found.address, found.size) == ("memtest", "0x1fa848c0", 8)


@pytest.mark.parametrize(
    ("line", "bits", "byte"),
    [
        (
            "0x00000000b2a3c4d5-0x00000000b2a3c4d5 @offset=64. First byte 0x7b instead of 0x6b",
            1,
            "7b",
        ),
        (
            "INFO: 0xffff880012345678-0xffff88001234567f. First byte 0x7b instead of 0x6b",
            None,
            "7b",
        ),
        (
            "0x00000000b2a3c4d5-0x00000000b2a3c4d5 @offset=64. First byte 0x0 instead of 0x6b",
            5,
            "00",
        ),
    ],
)
def test_slub(line: str, bits: int | None, byte: str) -> None:
    found = known("slab", "BUG kmalloc-64 (Not tainted): Poison overwritten", line)
    assert (found.bits, found.found, found.expected) == (bits, byte, "6b")


def test_slab_of_old() -> None:
    """dump_line() of mm/slab.c, until 6.7"""
    found = known(
        "slab",
        "Slab corruption (Not tainted): kmalloc-2k start=ffff9504c5b0d000, len=2048",
        "420: 6b 6b 6b 6b 4b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b  kkkkKkkkkkkkkkkk",
        "430: 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b a5  kkkkkkkkkkkkkkk.",
        "Single bit error detected. Probably bad RAM.",
        "Next obj: start=ffff9504c5b0d800, len=2048",
        "000: 00 00 00 00 00 00 00 00 28 77 8b eb f4 cd f2 eb",
    )
    assert (found.bits, found.found) == (1, "4b")


@pytest.mark.parametrize(
    ("head", "dump", "bits"),
    [
        ("pagealloc: single bit error", "ffff888003d1a123: aa", 1),
        ("pagealloc: single bit error", "ffff888003d1a123: 8a  .", 1),
        ("pagealloc: memory corruption", "ffff888003d1a120: 00 00 00 01 aa aa  ......", 17),
    ],
)
def test_page_poison(head: str, dump: str, bits: int) -> None:
    assert known("page-poison", head, dump).bits == bits


def test_btrfs() -> None:
    """8796143471049 is 50448841 with bit 43."""
    line = (
        "BTRFS critical (device dm-0): corrupt node: root=256 block=1035372494848 slot=364, "
        "bad key order, current (8796143471049 108 0) next (50450969 1 0)"
    )
    found = known("file-system", line)
    assert (found.what, found.bits) == ("btrfs-key", 1)
    assert fault("file-system", line.replace("8796143471049", "50450970")) is None
    assert fault("file-system", "EXT4-fs error (device sda1): ext4_lookup:1: bad") is None


def test_generations_of_btrfs() -> None:
    """verify_parent_transid() of fs/btrfs/disk-io.c, v6.1: one has bit 62."""
    line = (
        "BTRFS error (device sda1): parent transid verify failed on logical 393631498240 mirror 1 "
        "wanted 4611686018429035688 found 1647784"
    )
    found = known("file-system", line)
    assert (found.what, found.bits) == ("btrfs-key", 1)
    assert fault("file-system", line.replace("4611686018429035688", "1647785")) is None


def test_poison_that_was_used() -> None:
    """kill_me_maybe() of arch/x86/kernel/cpu/mce/core.c, v6.1"""
    line = "mce: Uncorrected hardware memory error in user-access at 12345000"
    found = known("machine-check", line)
    assert (found.address, found.corrected) == ("0x12345000", False)


def test_bad_page_map() -> None:
    """print_bad_pte() of mm/memory.c, v6.1"""
    found = known(
        "bad-page-map",
        "BUG: Bad page map in process app  pte:8000000012123067 pmd:03d1a067",
        "page:00000000dce6c32a refcount:1 mapcount:-1 mapping:0000000000000000 index:0x1 "
        "pfn:0x12123",
    )
    assert (found.pte, found.pfn) == ("0x8000000012123067", 0x12123)


@given(st.sampled_from([*_READERS, "oops"]), st.lists(st.text(max_size=80), min_size=1, max_size=5))
def test_anything(class_: str, lines: list[str]) -> None:
    memory_fault(class_, lines, t=0.0, boot="")


EDAC = """\
EDAC MC0: 2 CE memory read error on DIMM_A1 (channel:0 slot:0 page:0x28fc offset:0x240 grain:64 \
syndrome:0x0)
"""


def findings_of(log: str) -> list[Finding]:
    analysis = Analysis(session(command="dmesg", probes=()))
    return [found for event in events_of(log) for found in analysis.feed(event)]


def test_edac_and_the_wrong_bit_of_a_bad_page_are_one_verdict() -> None:
    """The struct page of the report of 2009 is at physical 0x28fc260."""
    once = SEED.decode().split("Aug 21")[0]
    found = findings_of(EDAC + once)
    (cell,) = [each for each in found if isinstance(each, RamCell) and each.cell]
    assert cell.cell is not None
    assert (cell.cell.word, cell.cell.bit, cell.confidence) == ("0x28fc260", 14, "high")
    assert not any(isinstance(each, PageCorruption) for each in found)
    assert [each.class_ for each in found if isinstance(each, AlarmFinding)] == ["edac"]


@pytest.mark.parametrize(
    ("log", "class_"),
    [
        (
            "  5555555555555555 bad mem addr 0x000000001fa848c0 - 0x000000001fa848c8 reserved\n",
            "memtest",
        ),
        (
            "pagealloc: single bit error\nffff888003d1a123: 8a  .\nCPU: 0 PID: 1 Comm: init "
            "Not tainted 5.10.0 #1\nCall Trace:\n __kernel_unpoison_pages+0x1/0x2\n",
            "page-poison",
        ),
        (
            "Slab corruption (Not tainted): kmalloc-2k start=ffff9504c5b0d000, len=2048\n"
            "420: 6b 6b 6b 6b 4b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b  kkkkKkkkkkkkkkkk\n",
            "slab",
        ),
        (
            "BUG kmalloc-64 (Not tainted): Poison overwritten\n"
            "0x00000000b2a3c4d5-0x00000000b2a3c4d5 @offset=64. First byte 0x7b instead of 0x6b\n",
            "slab",
        ),
    ],
)
def test_from_the_log_to_the_verdict(log: str, class_: str) -> None:
    found = findings_of(log)
    assert [each.class_ for each in found if isinstance(each, AlarmFinding)] == [class_]
    (verdict,) = [each for each in found if isinstance(each, RamCell | PageCorruption)]
    if class_ == "memtest":
        assert isinstance(verdict, RamCell)
    else:
        assert isinstance(verdict, PageCorruption)
        assert (verdict.cause, verdict.events) == ("unknown", 0)


def test_an_injected_memory_failure_is_no_bad_ram() -> None:
    """madvise(MADV_HWPOISON) prints the same (mm/memory-failure.c)."""
    found = findings_of("Memory failure: 0x19d0: recovery action for dirty LRU page: Recovered\n")
    assert not any(isinstance(each, RamCell | PageCorruption) for each in found)


def test_a_bad_page_map_leaves_the_bad_page_its_lines() -> None:
    """Both dump the page (dump_page() of mm/debug.c)."""
    page = (
        "page:00000000dce6c32a refcount:{} mapcount:-1 mapping:0000000000000000 index:0x1 "
        "pfn:0x12345\n"
    )
    found = findings_of(
        "BUG: Bad page map in process app  pte:8000000012345067 pmd:03d1a067\n"
        + page.format(1)
        + "BUG: Bad page state in process app  pfn:12345\n"
        + page.format(0)
        + "flags: 0x17fffc000000000(node=0|zone=2)\npage dumped because: nonzero mapcount\n"
    )
    (verdict,) = [each for each in found if isinstance(each, PageCorruption)]
    assert verdict.cause == "software"
    assert {"mapcount", "page-map"} <= {sign.code for sign in verdict.signs}

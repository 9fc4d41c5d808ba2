"""Bad pages in guests: one cell over three boots, and a module that frees pages wrongly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ktrace.errors import ExitCode
from ktrace.events import BadPage
from ktrace.findings import PageCorruption, RamCell
from ktrace.lab.build.packages import Kernel
from ktrace.lab.runner import LabResult, run_scenario
from ktrace.lab.scenarios.bad_page_bug import BAD_PAGE_BUG, WRONG
from ktrace.lab.scenarios.bad_ram import BAD_RAM, BIT, CELL, pfn_key
from ktrace.lab.verdict import verdict_over
from ktrace.trace.reader import TraceFile
from tests.lab.kernels import OWN, kernel_of
from tests.lab.machines import KTRACE, booted, machine

pytestmark = pytest.mark.vm


kernel = kernel_of(OWN, "bookworm-backports")  # 6.1 on Debian 12, and 6.12


def records(path: Path) -> list[object]:
    with TraceFile(str(path)) as trace:
        return [*trace.records()]


def bad_pages(result: LabResult) -> list[BadPage]:
    found = [record for path in result.traces for record in records(path)]
    return [record for record in found if isinstance(record, BadPage)]


def test_bad_ram(kernel: Kernel, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run_scenario(BAD_RAM, output=tmp_path / "t.ktrace", kernel=kernel)
    assert result.exit_code == ExitCode.FOUND
    pages = bad_pages(result)
    # QEMU's own answer, and the pages that the lab found by it
    assert {page.page_phys for page in pages} == {hex(result.kept[CELL])}
    assert [page.pfn for page in pages] == [result.kept[pfn_key(boot)] for boot in range(3)]
    assert len({page.pfn for page in pages}) == len({page.page for page in pages}) == 3
    assert len({page.boot for page in pages}) == 3
    assert [page.by.comm for page in pages] == ["dd", "cp", "awk"]
    for page in pages:
        (trigger,) = page.triggered
        assert (trigger.what, trigger.bits) == ("flags", hex(1 << BIT))
        # the name of bit 14: enum pageflags of 6.1 and of 6.12
        name = "private_2" if kernel.release.startswith("6.1.") else "private"
        assert trigger.names == (name,)
        assert page.path == "alloc"

    capsys.readouterr()
    assert verdict_over(result.traces) == ExitCode.FOUND
    said = " ".join(capsys.readouterr().out.split())
    assert f"bit {BIT} of the word at physical {result.kept[CELL]:#x}" in said
    assert "3 bad pages in 3 boots, confidence high" in said


def test_physical_address_with_five_levels_of_page_tables(tmp_path: Path) -> None:
    scenario = replace(BAD_RAM, boots=(BAD_RAM.boots[0],), five_levels=True)
    result = run_scenario(scenario, output=tmp_path / "t.ktrace")
    (page,) = bad_pages(result)
    assert page.page_phys == hex(result.kept[CELL])
    assert page.pfn == result.kept[pfn_key(0)]
    # vmemmap_base of five levels: Documentation/arch/x86/x86_64/mm.rst
    assert page.page is not None
    assert int(page.page, 16) < 0xFFE0000000000000


def test_bad_page_bug(kernel: Kernel, tmp_path: Path) -> None:
    result = run_scenario(BAD_PAGE_BUG, output=tmp_path / "t.ktrace", kernel=kernel, keep=True)
    assert result.exit_code == ExitCode.FOUND
    pages = bad_pages(result)
    expected = ["mapping" if wrong == "text" else wrong for wrong in WRONG]
    assert [[trigger.what for trigger in page.triggered] for page in pages] == [
        [what] for what in expected
    ]
    assert pages[WRONG.index("flags")].triggered[0].names == ("locked", "writeback")
    (text,) = pages[WRONG.index("text")].triggered
    assert (text.what, text.bits) == ("mapping", hex(int.from_bytes(b"overrun", "little")))
    for page in pages:
        assert page.path == "free"
        assert any(frame.startswith("bad_pages_free+") for frame in page.stack)
    assert [page.pfn for page in pages] == [*logged_pfns(result)]
    found = records(result.traces[0])
    assert not [record for record in found if isinstance(record, RamCell)]
    last = [record for record in found if isinstance(record, PageCorruption)][-1]
    assert (last.cause, last.events, last.confidence) == ("software", len(WRONG), "high")


@pytest.mark.parametrize(
    ("parameter", "said"),
    [("init_on_alloc=0", "check_pages_enabled is off"), ("", "check_pages_enabled is on")],
)
def test_doctor_says_whether_pages_are_checked(tmp_path: Path, parameter: str, said: str) -> None:
    """On a kernel that has the switch: v6.3 and later."""
    made = machine(tmp_path, suite="bookworm-backports", arguments=parameter)
    with booted(made) as guest:
        doctor = guest.run(f"{KTRACE} doctor").output
    assert said in doctor
    assert ("boot with init_on_alloc=1" in doctor) is bool(parameter)


def logged_pfns(result: LabResult) -> Iterator[int]:
    """As the kernel itself says."""
    assert result.logs
    console = (result.logs / "console.log").read_text(errors="replace")
    for pfn in re.findall(r"BUG: Bad page state in process \S+ +pfn:([0-9a-f]+)", console):
        yield int(pfn, 16)

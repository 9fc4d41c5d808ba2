"""ktrace.sources.log.boot_log: what the kernel reported before ktrace was there."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from ktrace.sources.log import boot_log

pytestmark = pytest.mark.unit

REPORT = (
    "4,{number},{us},-;BUG: Bad page state in process swapper  pfn:{pfn}\n"
    "4,{number},{us},-;page:00000000ae2a5f3f refcount:0 mapcount:0 mapping:0000000000000000 "
    "index:0x1 pfn:0x{pfn}\n"
    "4,{number},{us},-;flags: 0xfffffc0004000(private_2|node=0|zone=1|lastcpupid=0x1fffff)\n"
    "4,{number},{us},-;page dumped because: PAGE_FLAGS_CHECK_AT_PREP flag(s) set\n"
)


def test_reports_before_the_start_only(monkeypatch: pytest.MonkeyPatch) -> None:
    log = REPORT.format(number=1, us=120_000, pfn="0a123")
    log += "6,2,200000,-;Freeing unused kernel image memory\n"
    log += REPORT.format(number=3, us=9_000_000, pfn="0b456")
    monkeypatch.setattr(boot_log, "KernelLog", lambda: io.BytesIO(log.encode()))
    (page,) = boot_log.earlier_reports("the boot", before=5.0)
    assert (page.pfn, page.boot, page.page_phys) == (0xA123, "the boot", None)
    assert page.t == 0.12


def test_a_log_without_any(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(boot_log, "KernelLog", lambda: io.BytesIO(b"6,1,100,-;Linux version 6.1\n"))
    assert boot_log.earlier_reports("the boot", before=5.0) == []

"""Several files as one log, and pstore's parts: "Panic#1 Part2", pstore_dump() of
fs/pstore/platform.c, v6.1."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrace.events import Alarm, BadPage
from ktrace.sources.log import pstore
from ktrace.sources.log.files import LogFiles, oldest_first
from ktrace.sources.log.source import KernelLogSource
from ktrace.trace.damage import Damage
from tests.sources.log.samples import V6_1, LogEvent, reports, stamped

pytestmark = pytest.mark.unit

LINES = stamped(V6_1 + "Kernel panic - not syncing: Fatal exception\n", prefix="<4>").splitlines()
CUTS = [LINES[i : i + 5] for i in range(0, len(LINES), 5)]
# Part1 is the newest
PARTS = [
    f"Panic#1 Part{number}\n" + "\n".join(lines) + "\n"
    for number, lines in enumerate(reversed(CUTS), 1)
]


def events(paths: list[str]) -> list[LogEvent]:
    return reports(KernelLogSource(LogFiles(paths, Damage())))


def check(found: list[LogEvent]) -> None:
    page, panic = found
    assert isinstance(page, BadPage)
    assert isinstance(panic, Alarm)
    assert (page.by.comm, page.by.pid) == ("dd", 377)
    assert page.stack[-1] == "__alloc_pages+0xd6"
    assert panic.title == "kernel panic: Fatal exception"


def test_parts_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "dmesg.txt"
    path.write_text("".join(PARTS))
    check(events([str(path)]))


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_for_each_part(tmp_path: Path, packed: bool) -> None:
    paths = []
    for number, text in enumerate(PARTS, 1):
        path = tmp_path / f"dmesg-efi-{number}"
        path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
        paths.append(str(path))
    check(events(paths))


def test_two_dumps_of_two_boots() -> None:
    """The same names again."""
    text = "".join(PARTS * 2).encode()
    assert pstore.in_order(pstore.parts_of(text)).count(b"Fatal exception") == 2
    assert pstore.in_order(pstore.parts_of(text)).decode().splitlines() == LINES * 2


def test_dumps_of_one_boot_are_in_their_order() -> None:
    text = b"Panic#2 Part1\nlast\nOops#1 Part2\nfirst\nOops#1 Part1\nthen\n"
    assert pstore.in_order(pstore.parts_of(text)) == b"first\nthen\nlast\n"


def test_a_file_of_another_kind_behind(tmp_path: Path) -> None:
    one, two = tmp_path / "a", tmp_path / "b"
    one.write_text("".join(PARTS))
    two.write_text(stamped(V6_1))
    log = LogFiles([str(one), str(two)], Damage())
    assert len(reports(KernelLogSource(log))) == 3
    assert log.ordered


def test_a_report_does_not_go_on_in_the_next_file(tmp_path: Path) -> None:
    one, two = tmp_path / "a", tmp_path / "b"
    one.write_text("\n".join(V6_1.splitlines()[:3]))
    two.write_text("CPU: 1 PID: 377 Comm: dd Not tainted 6.1.0 #1\nCall Trace:\n foo+0x1/0x2\n")
    page = events([str(one), str(two)])[0]
    assert isinstance(page, BadPage)
    assert page.stack == ()


def test_rotated_logs_are_read_oldest_first() -> None:
    given_ = ["kern.log", "kern.log.1", "kern.log.2.gz", "b", "c.7"]
    assert oldest_first(given_) == ["kern.log.2.gz", "kern.log.1", "kern.log", "b", "c.7"]
    assert oldest_first(["6.1", "6.2"]) == ["6.1", "6.2"]


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes(data: bytes, size: int) -> None:
    pstore.in_order(pstore.parts_of(b"Oops#1 Part1\n" + data))

"""ktrace.lab.guest.memory and the recipe of bad-ram, against a guest that is only a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ktrace.lab.arch import ARM64
from ktrace.lab.build.suites import main_archive
from ktrace.lab.errors import LabError
from ktrace.lab.guest.guest import Guest, Machine, qemu_command
from ktrace.lab.guest.memory import STRUCT_PAGE, GuestMemory
from ktrace.lab.runner import trace_paths
from ktrace.lab.scenario import Stage
from ktrace.lab.scenarios import bad_ram

pytestmark = pytest.mark.unit

BASE = 0xFFFFEA0000000000  # vmemmap_base
SYMBOL = 0xFFFFFFFF82A00000  # where that variable is
SYMBOL_AT = 0x1000
FREE_PAGE = bytes(48) + b"\xff" * 4 + bytes(12)


class FileGuest(Guest):
    """Its mem_map of 64 MiB of memory lies at physical `map_at`."""

    def __init__(self, directory: Path, map_at: int) -> None:
        memory = directory / "memory"
        memory.write_bytes(bytes(64 << 20))
        none = directory / "none"
        self.machine = Machine(none, none, (), none, none, memory=memory, memory_mb=64)
        self.map_at = map_at
        self.notes: list[str] = []
        self.write(SYMBOL_AT, BASE.to_bytes(8, "little"))

    def write(self, at: int, data: bytes) -> None:
        assert self.machine.memory
        with self.machine.memory.open("r+b") as file:
            file.seek(at)
            file.write(data)

    def check(self, command: str, timeout: float = 0) -> str:
        return f"{SYMBOL:x} D vmemmap_base\n"

    def monitor(self, command: str) -> str:
        address = int(command.split()[1], 16)
        if address == SYMBOL:
            return f"gpa: {SYMBOL_AT:#x}\r\n"
        offset = address - BASE
        inside = 0 <= offset < 2 << 20
        return f"gpa: {self.map_at + offset:#x}\r\n" if inside else "Unmapped\r\n"

    def qmp(self, command: str, **arguments: object) -> object:
        self.notes.append(command)
        return None


def test_a_cell_describes_another_page_when_the_map_has_moved(tmp_path: Path) -> None:
    before = GuestMemory(FileGuest(tmp_path, 0x3C00000))
    cell = before.frame(0x1234).physical
    assert cell == 0x3C00000 + 0x1234 * STRUCT_PAGE
    after = GuestMemory(FileGuest(tmp_path, 0x3C00000 - 0x1000)).frame_described_at(cell)
    assert after.pfn == 0x1234 + 0x1000 // STRUCT_PAGE
    assert after.virtual == BASE + after.pfn * STRUCT_PAGE
    with pytest.raises(LabError, match="no struct page"):
        before.frame_described_at(0x100000)


def test_arm64_notes_where_its_mem_map_is(tmp_path: Path) -> None:
    """Its memory begins at 1 GiB, and so does the mem_map's first struct page."""

    class Arm64(FileGuest):
        def check(self, command: str, timeout: float = 0) -> str:
            assert "/proc/kcore" in command
            if "PHYS_OFFSET" in command:
                return "NUMBER(PHYS_OFFSET)=0x40000000\n"
            return f"NUMBER(VMEMMAP_START)={BASE:#x}\n"

    guest = Arm64(tmp_path, 0x43C00000)
    guest.machine = replace(guest.machine, arch=ARM64)
    memory = GuestMemory(guest)
    frame = memory.frame(memory.first_frame() + 0x1234)
    assert (frame.pfn, frame.virtual) == (0x41234, BASE + 0x1234 * STRUCT_PAGE)
    assert frame.physical == 0x43C00000 + 0x1234 * STRUCT_PAGE
    assert memory.frame_described_at(frame.physical) == frame
    guest.write(0x3C00000 + 0x1234 * STRUCT_PAGE, FREE_PAGE)
    assert memory.is_free(frame)
    memory.flip(frame.physical, 14)
    assert memory.read(frame.physical, 2) == b"\0\x40"


def test_flip_changes_one_bit_while_the_cpus_stand_still(tmp_path: Path) -> None:
    guest = FileGuest(tmp_path, 0x3C00000)
    memory = GuestMemory(guest)
    guest.write(0x3C00040, b"\xff" * 8)
    memory.flip(0x3C00040, 14)
    assert int.from_bytes(memory.read(0x3C00040, 8), "little") == (1 << 64) - 1 - (1 << 14)
    memory.flip(0x3C00040, 14)
    assert memory.read(0x3C00040, 8) == b"\xff" * 8
    assert guest.notes == ["stop", "cont"] * 2


@pytest.mark.parametrize(
    ("page", "free"),
    [
        (FREE_PAGE, True),
        (b"\0\x10" + FREE_PAGE[2:], False),  # reserved
        (FREE_PAGE[:52] + b"\1" + FREE_PAGE[53:], False),  # counted
    ],
)
def test_only_a_page_that_nobody_uses_is_free(tmp_path: Path, page: bytes, free: bool) -> None:
    guest = FileGuest(tmp_path, 0x3C00000)
    memory = GuestMemory(guest)
    frame = memory.frame(5)
    guest.write(frame.physical, page)
    assert memory.is_free(frame) is free


def test_the_cell_of_the_first_boot_is_that_of_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bad_ram, "PFN", {"amd64": 0x1234})
    kept: dict[str, int] = {}
    for boot, map_at in enumerate((0x3C00000, 0x3C00000 - 0x1000)):
        guest = FileGuest(tmp_path, map_at)
        stage = Stage(guest, boot=boot, kept=kept)
        bad_ram.find_page(stage)
        bad_ram.flip_bit(stage)
    assert kept[bad_ram.CELL] == 0x3C00000 + 0x1234 * STRUCT_PAGE
    assert kept[bad_ram.pfn_key(0)] == 0x1234
    assert kept[bad_ram.pfn_key(1)] == 0x1234 + 64


def test_the_memory_is_a_file_that_is_shared(tmp_path: Path) -> None:
    machine = FileGuest(tmp_path, 0).machine
    line = " ".join(qemu_command(machine, control=3, qmp=4, screen=5))
    assert f"memory-backend-file,id=ram,size=64M,mem-path={machine.memory},share=on" in line
    assert "-machine memory-backend=ram" in line
    assert "la57=off" in line


def test_a_trace_for_each_boot(tmp_path: Path) -> None:
    assert trace_paths(tmp_path / "x.ktrace", 1) == (tmp_path / "x.ktrace",)
    assert [p.name for p in trace_paths(tmp_path / "x.ktrace", 2)] == ["x-1.ktrace", "x-2.ktrace"]


def test_the_mirror_is_that_of_the_main_archive() -> None:
    targets = (
        "http://mirror.example/debian-security/ bookworm-security\n"
        "http://mirror.example/debian/ bookworm\n"
    )
    assert main_archive(targets) == ("http://mirror.example/debian/", "bookworm")
    assert main_archive("") is None

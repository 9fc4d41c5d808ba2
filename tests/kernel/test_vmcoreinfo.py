"""ktrace.kernel.vmcoreinfo, and what it says of arm64's memory."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from ktrace.kernel.arm64_memory_map import knobs_of
from ktrace.kernel.kcore import HEADER, SEGMENT
from ktrace.kernel.vmcoreinfo import vmcoreinfo

pytestmark = pytest.mark.unit

# Lines of kernel/crash_core.c and arch/arm64/kernel/crash_core.c
TEXT = b"""OSRELEASE=6.1.0-50-cloud-arm64
PAGESIZE=4096
SYMBOL(swapper_pg_dir)=ffff800009d2d000
NUMBER(VA_BITS)=48
NUMBER(VMEMMAP_START)=0xfffffc0000000000
NUMBER(PHYS_OFFSET)=0x40000000
"""


def note(name: bytes, content: bytes) -> bytes:
    def padded(data: bytes) -> bytes:
        return data + bytes(-len(data) % 4)

    sizes = struct.pack("<III", len(name) + 1, len(content), 0)
    return sizes + padded(name + b"\0") + padded(content)


def core(path: Path, notes: bytes) -> str:
    ident = b"\x7fELF\x02\x01".ljust(16, b"\0")
    header = HEADER.pack(ident, 4, 183, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    at = len(header) + SEGMENT.size
    path.write_bytes(header + SEGMENT.pack(4, 0, at, 0, 0, len(notes), 0, 0) + notes)
    return str(path)


def test_it_is_one_note_among_others(tmp_path: Path) -> None:
    notes = note(b"CORE", b"x" * 337) + note(b"VMCOREINFO", TEXT)
    told = vmcoreinfo(core(tmp_path / "kcore", notes))
    assert told["SYMBOL(swapper_pg_dir)"] == "ffff800009d2d000"
    assert told["PAGESIZE"] == "4096"


def test_without_it_nothing_is_known(tmp_path: Path) -> None:
    assert vmcoreinfo(core(tmp_path / "kcore", note(b"CORE", b"x"))) == {}
    assert vmcoreinfo(core(tmp_path / "kcore", b"\xff" * 11)) == {}
    assert vmcoreinfo(str(tmp_path / "none")) == {}
    (tmp_path / "short").write_bytes(b"\x7fELF")
    assert vmcoreinfo(str(tmp_path / "short")) == {}


def lines(text: bytes) -> dict[str, str]:
    return dict(line.split("=") for line in text.decode().splitlines())


def test_arm64s_memory_map() -> None:
    assert knobs_of(lines(TEXT)) == {
        "va_bits": 48,
        "vmemmap_start": 0xFFFFFC0000000000,
        "phys_offset": 0x40000000,
        "swapper_pg_dir": 0xFFFF800009D2D000,
    }


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        (b"PAGESIZE=4096", b"PAGESIZE=65536"),
        (b"VA_BITS)=48", b"VA_BITS)=52"),
        (b"VMEMMAP_START)=0xfffffc0000000000", b"OTHER)=1"),
        (b"PHYS_OFFSET)=0x40000000", b"PHYS_OFFSET)=x"),
    ],
)
def test_a_memory_map_that_is_not_known(said: bytes, instead: bytes) -> None:
    assert knobs_of(lines(TEXT.replace(said, instead))) == {}

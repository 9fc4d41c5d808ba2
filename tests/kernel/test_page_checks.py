"""ktrace.kernel.page_checks and kcore: is the kernel's check of pages switched on?"""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from ktrace.kernel import kcore
from ktrace.kernel.page_checks import asked_for, page_checks

pytestmark = pytest.mark.unit

OTHER = b"ffffffff82a05000 D jiffies_64\n"
ALWAYS = b"0000000000000000 t free_pcp_prepare\n"
KEY = b"ffffffff82b00010 D check_pages_enabled\n"
HIDDEN = [b"0000000000000000 D jiffies_64\n", b"0000000000000000 D check_pages_enabled\n"]


@pytest.mark.parametrize(
    ("lines", "word", "on"),
    [
        ([OTHER, KEY], b"\1\0\0\0", True),
        ([OTHER, KEY], b"\0\0\0\0", False),
        ([OTHER, KEY], None, None),  # lockdown
        ([OTHER], None, True),  # before v6.3
        ([], None, None),  # CONFIG_KALLSYMS_ALL=n
        ([ALWAYS], None, True),  # both, before v6.3
        ([ALWAYS.replace(b"\n", b"\t[some]\n")], None, None),  # a module's
        (HIDDEN, None, None),  # kptr_restrict=2
    ],
)
def test_answer(lines: list[bytes], word: bytes | None, on: bool | None) -> None:
    asked = []

    def read(address: int, size: int) -> bytes | None:
        asked.append((address, size))
        return word

    assert page_checks(lines, read, {}, "").on is on
    assert asked in ([], [(0xFFFFFFFF82B00010, 4)])


@pytest.mark.parametrize(
    ("config", "parameters", "by"),
    [
        ({}, "", ""),
        ({"CONFIG_DEBUG_VM": "y"}, "", "CONFIG_DEBUG_VM"),
        ({"CONFIG_INIT_ON_ALLOC_DEFAULT_ON": "y"}, "quiet", "CONFIG_INIT_ON_ALLOC_DEFAULT_ON"),
        ({"CONFIG_INIT_ON_ALLOC_DEFAULT_ON": "y"}, "init_on_alloc=0", ""),
        ({"CONFIG_INIT_ON_ALLOC_DEFAULT_ON": "m"}, "", ""),
        ({}, "quiet init_on_alloc=on", "init_on_alloc"),
        ({}, "init_on_alloc=0 init_on_free=1", "init_on_free"),
    ],
)
def test_without_the_key(config: dict[str, str], parameters: str, by: str) -> None:
    assert asked_for(config, parameters) == by
    checks = page_checks([], lambda _address, _size: None, config, parameters)
    assert checks.on is (True if by else None)
    assert by in checks.why


def core_file(path: Path, segments: list[tuple[int, bytes]]) -> str:
    """An ELF core file with these segments: (virtual address, content)."""
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 4, 62, 1, 0, 64, 0, 0, 64, 56, len(segments),
        0, 0, 0,
    )  # fmt: skip
    table, data = b"", b""
    start = 64 + 56 * len(segments)
    for address, content in segments:
        place = start + len(data)
        size = len(content)
        table += struct.pack("<IIQQQQQQ", 1, 7, place, address, 0, size, size, 4096)
        data += content
    path.write_bytes(header + table + data)
    return str(path)


def test_kcore_finds_the_segment(tmp_path: Path) -> None:
    path = core_file(tmp_path / "core", [(0x1000, b"abcd"), (0xFFFFFFFF80000000, b"efghijkl")])
    assert kcore.read(0xFFFFFFFF80000002, 4, path) == b"ghij"
    assert kcore.read(0x1000, 4, path) == b"abcd"
    assert kcore.read(0x1002, 4, path) is None  # it ends behind the segment
    assert kcore.read(0x5000, 1, path) is None


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"text, not a core file" * 10])
def test_what_is_no_core_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "core"
    path.write_bytes(content)
    assert kcore.read(0x1000, 4, str(path)) is None
    assert kcore.read(0x1000, 4, str(tmp_path / "missing")) is None

"""Words of kernels with pointers of 4 and of 8 bytes."""

from __future__ import annotations

import pytest

from ktrace.kernel.word_width import ARM64, WIDTH_32, WIDTH_64, Width

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("width", "word", "expected"),
    [
        (WIDTH_64, 0xFFFF888100000040, True),
        (WIDTH_64, 0xFF11000100000040, True),  # the direct map with five levels of page tables
        (WIDTH_64, 0xFFFF888100000044, False),  # not where a structure begins
        (WIDTH_64, 0x00007FFFFFFFE000, False),  # user space
        (ARM64, 0xFFFF000004C3A000, True),
        (ARM64, 0xF6FF000004C3A000, True),  # with a tag of KASAN
        (ARM64, 0x0000FFFFDB34A000, False),  # a user's stack
        (WIDTH_32, 0xC1A00004, True),
        (WIDTH_32, 0x80008000, True),  # CONFIG_VMSPLIT_2G
        (WIDTH_32, 0xC1A00006, False),
        (WIDTH_32, 0x00010000, False),
    ],
)
def test_what_can_be_a_structure(width: Width, word: int, expected: bool) -> None:
    assert width.is_address(word) == expected


def test_words_are_packed_as_the_kernel_has_them() -> None:
    assert WIDTH_32.pack(0xC1A00004) == b"\x04\x00\xa0\xc1"
    assert WIDTH_64.unpack(WIDTH_64.pack(0xFFFF888100000040)) == (0xFFFF888100000040,)


def test_words_of_data_that_ends_amid_one() -> None:
    assert WIDTH_32.unpack(b"\1\0\0\0\2\0\0\0\3") == (1, 2)
    assert WIDTH_64.unpack(b"\1\0\0\0\2\0\0\0\3") == (0x200000001,)


@pytest.mark.parametrize(
    ("machine", "word_bytes", "expected"),
    [("x86_64", 8, WIDTH_64), ("aarch64", 8, ARM64), ("aarch64", 4, WIDTH_32)],
)
def test_the_width_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, machine: str, word_bytes: int, expected: Width
) -> None:
    class Uname:
        def __init__(self) -> None:
            self.machine = machine

    monkeypatch.setattr("os.uname", Uname)
    assert Width.of_machine(word_bytes) is expected

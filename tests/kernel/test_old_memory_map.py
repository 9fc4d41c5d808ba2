"""ktrace.kernel.old_memory_map: no physical address without evidence of 32-bit x86."""

from __future__ import annotations

import pytest

from ktrace.kernel.old_memory_map import StructPage, struct_page, tells_i386

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("printed", "release", "old", "virtual", "physical"),
    [
        ("c28fc260", (2, 6, 31), True, "0xc28fc260", "0x28fc260"),
        ("c28fc260", (), True, "0xc28fc260", "0x28fc260"),
        ("f8000000", (3, 10), True, "0xf8000000", None),  # vmalloc's
        ("ba409190", (4, 9), True, "0xba409190", None),  # VMSPLIT_2G
        ("c6a0ce8e", (5, 10), False, None, None),  # hashed
        ("f63884a0", (4, 15), True, None, None),  # may be hashed
        ("00000000b2a3c4d5", (6, 1), False, None, None),  # hashed
        ("ffffea00004848c0", (6, 1), False, "0xffffea00004848c0", None),
        (None, (6, 12), False, None, None),
    ],
)
def test_which_addresses_tell_the_physical_one(
    printed: str | None,
    release: tuple[int, ...],
    old: bool,
    virtual: str | None,
    physical: str | None,
) -> None:
    assert struct_page(printed, release, old, i386=True) == StructPage(virtual, physical)
    assert struct_page(printed, release, old, i386=False) == StructPage(virtual, None)


@pytest.mark.parametrize(
    "line",
    [
        " [] sysenter_do_call+0x12/0x22",
        " [<c0103f1a>] error_code+0x73/0x78",
        "EIP: 0060:[<c0149b3a>] EFLAGS: 00010246 CPU: 0",
        "BIOS-e820: 0000000000000000 - 000000000009fc00 (usable)",
        " entry_SYSENTER_32+0x53/0x86",
        "Linux version 2.6.31-rc5 (root@coyote) (gcc) #1 SMP i686",
    ],
)
def test_evidence(line: str) -> None:
    assert tells_i386(line)


@pytest.mark.parametrize(
    "line",
    [
        "[<c00ec4f0>] (bad_page) from [<c00efc64>] (get_page_from_freelist+0x714/0x9a8)",
        "Hardware name: BCM2708",
        "Hardware name: QEMU KVM Virtual Machine, BIOS 0.0.0 02/06/2015",  # arm64
        " [] do_page_fault+0x141/0x290",
        "Call Trace:",
        "Linux version 3.19.0-rc3 (x@y) #1 SMP ARM",
        "cannot resolve error_codes",
    ],
)
def test_no_evidence(line: str) -> None:
    assert not tells_i386(line)

"""Which addresses of machine checks are physical ones of RAM: the lines are print_mce()'s,
arch/x86/kernel/cpu/mce/core.c of v6.1."""

from __future__ import annotations

import pytest

from ktrace.events import Alarm, MemoryFault
from ktrace.sources.log.machine_check import machine_check
from tests.sources.log.samples import events_of, stamped

pytestmark = pytest.mark.unit

INTEL = (
    "mce: [Hardware Error]: CPU 2: Machine Check: 0 Bank 7: cc00010000010092",
    "mce: [Hardware Error]: TSC 0 ADDR 3fe1a8c80 MISC 150385286 PPIN 0",
    "mce: [Hardware Error]: PROCESSOR 0:50654 TIME 1600000000 SOCKET 0 APIC 4 microcode 2000065",
)
# a unified memory controller, whose address only EDAC can translate
AMD_UMC = (
    "mce: [Hardware Error]: CPU 0: Machine Check: 0 Bank 17: dc2040000000011b",
    "mce: [Hardware Error]: TSC 0 ADDR 21a3c5f40 MISC d01a0ffe00000000 SYND 15e50a400501 "
    "IPID 9600050f00",
    "mce: [Hardware Error]: PROCESSOR 2:870f10 TIME 1600000000 SOCKET 0 APIC 0 microcode 8701013",
)
# a northbridge of family 15h, extended error code 8: DRAM ECC
AMD_NORTHBRIDGE = (
    "mce: [Hardware Error]: CPU 0: Machine Check: 0 Bank 4: 9c00400000080813",
    "mce: [Hardware Error]: TSC 0 ADDR 21a3c5f40 MISC 0",
    "mce: [Hardware Error]: PROCESSOR 2:600f20 TIME 1600000000 SOCKET 0 APIC 0 microcode 6000852",
)


def test_intel() -> None:
    assert machine_check(INTEL) == {
        "what": "machine-check",
        "address": "0x3fe1a8c80",
        "size": 64,
        "corrected": True,
    }


def test_intel_that_does_not_say_a_physical_address() -> None:
    """MISC, bits 6 to 8: the address is linear, not physical."""
    linear = INTEL[1].replace("150385286", "150385046")
    assert machine_check((INTEL[0], linear, INTEL[2])) is None


def test_intel_that_knows_no_page() -> None:
    coarse = INTEL[1].replace("150385286", "150385295")
    assert machine_check((INTEL[0], coarse, INTEL[2])) is None


def test_amd_northbridge() -> None:
    found = machine_check(AMD_NORTHBRIDGE)
    assert found
    assert found["address"] == "0x21a3c5f40"


@pytest.mark.parametrize("lines", [AMD_UMC, AMD_UMC[:2]])
def test_amd_memory_controller_has_no_physical_address(lines: tuple[str, ...]) -> None:
    assert machine_check(lines) is None


def test_another_error_of_the_northbridge() -> None:
    gart = AMD_NORTHBRIDGE[0].replace("9c00400000080813", "9c00400000050813")
    assert machine_check((gart, *AMD_NORTHBRIDGE[1:])) is None


def test_two_machine_checks_are_two_alarms() -> None:
    again = tuple(line.replace("3fe1a8c80", "4fe1a8c80") for line in INTEL)
    found = events_of(stamped("\n".join((*INTEL, *again))))
    assert [event.address for event in found if isinstance(event, MemoryFault)] == [
        "0x3fe1a8c80",
        "0x4fe1a8c80",
    ]
    assert sum(isinstance(event, Alarm) for event in found) == 2


def test_what_says_that_it_was_logged_is_of_the_same_one() -> None:
    logged = "mce: [Hardware Error]: Machine check events logged"
    found = events_of(stamped("\n".join((logged, *INTEL, *INTEL))))
    assert sum(isinstance(event, Alarm) for event in found) == 2


def test_firmware_records_are_told_apart() -> None:
    """cper_estatus_print() of drivers/firmware/efi/cper.c, v5.15"""
    record = (
        "{1}[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: 1\n"
        "{1}[Hardware Error]: event severity: corrected\n"
        "{1}[Hardware Error]:   section_type: memory error\n"
        "{1}[Hardware Error]:   physical_address: 0x0000001f684880c0\n"
    )
    pcie = record.replace("{1}", "{2}").replace("memory error", "PCIe error")
    pcie = "\n".join(pcie.splitlines()[:3])
    found = events_of(stamped(record + pcie))
    assert sum(isinstance(event, Alarm) for event in found) == 2
    assert [event.address for event in found if isinstance(event, MemoryFault)] == ["0x1f684880c0"]

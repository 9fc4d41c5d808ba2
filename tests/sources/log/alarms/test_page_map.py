"""Bad page maps: print_bad_pte() of mm/memory.c, v6.1."""

from __future__ import annotations

import pytest

from ktrace.events import Alarm, MemoryFault
from tests.sources.log.samples import events_of, stamped

pytestmark = pytest.mark.unit

HEAD = "BUG: Bad page map in process firefox  pte:{} pmd:10203067\n"
WHO = "CPU: 3 PID: 4321 Comm: firefox Tainted: P    B   W  OE      {} #1  Debian 6.1.76-1\n"
TRACE = "Call Trace:\n <TASK>\n dump_stack_lvl+0x44/0x5c\n zap_pte_range+0x3e1/0x9a0\n {}\n"


def told(pte: str, release: str, frame: str) -> tuple[tuple[str, ...], int | None]:
    """Details of the alarm, and the fault's page frame."""
    log = HEAD.format(pte) + WHO.format(release) + TRACE.format(frame)
    alarm, fault = events_of(stamped(log))
    assert isinstance(alarm, Alarm)
    assert isinstance(fault, MemoryFault)
    return alarm.detail, fault.pfn


@pytest.mark.parametrize(
    ("release", "frame"),
    [
        ("6.1.0-18-amd64", "exit_mmap+0x10a/0x300"),
        ("6.1.0", "do_syscall_64+0x10a/0x300"),
        ("6.1.0", "? asm_exc_page_fault+0x10a/0x300"),
    ],
)
def test_x86_64(release: str, frame: str) -> None:
    detail, pfn = told("8000000412345867", release, frame)
    assert detail == (
        "pte 0x8000000412345867: page frame 0x412345, present|rw|user|accessed|dirty|nx",
    )
    assert pfn == 0x412345


def test_an_entry_of_another_architecture_is_not_read() -> None:
    assert told("00e8000412345f53", "6.1.21-v8+", "el0_svc+0x34/0xd0") == ((), None)


def test_a_single_bit() -> None:
    detail, pfn = told("0000010000000000", "6.1.0-18-amd64", "exit_mmap+0x10a/0x300")
    assert detail[0] == "pte 0x10000000000: no page frame that is known, not present"
    assert "one flipped bit in an empty entry" in detail[1]
    assert pfn is None


def test_the_taint_and_the_modules_are_kept() -> None:
    log = HEAD.format("8000000412345867") + "Modules linked in: nvidia(POE) ext4\n"
    alarm = events_of(stamped(log + WHO.format("6.1.0") + TRACE.format("exit_mmap+0x1/0x3")))[0]
    assert isinstance(alarm, Alarm)
    assert (alarm.taint, alarm.modules) == ("PBWOE", ("nvidia(POE)",))

"""First lines that are quoted in prose."""

from __future__ import annotations

import pytest

from ktrace.sources.log.mention import is_mention
from tests.sources.log.alarms.test_alarms import alarms
from tests.sources.log.samples import events_of, stamped

pytestmark = pytest.mark.unit

HEAD = "INFO: task nfsd:2252 blocked for more than 120 seconds."


@pytest.mark.parametrize(
    "line",
    [f'Under load you may see something like "{HEAD}" in your logs.', f"Subject: {HEAD}"],
)
def test_no_report(line: str) -> None:
    assert not events_of(line + "\n")


@pytest.mark.parametrize("before", ['"7","', '  - "', "[  100.000000] ", 'msg="', "host kernel: "])
def test_what_may_stand_before_a_report(before: str) -> None:
    assert not is_mention(before)


def test_a_drivers_name_before_a_head_is_no_prefix() -> None:
    """drivers/edac/sb_edac.c, sbridge_mce_output_error(), v4.14: the line after it has another."""
    log = (
        "mce: [Hardware Error]: Machine check events logged\n"
        "EDAC sbridge MC1: HANDLING MCE MEMORY ERROR\n"
        "EDAC sbridge MC1: CPU 1: Machine Check Event: 0 Bank 11: 8c00004f000800c2\n"
        "EDAC sbridge MC1: TSC 0\n"
        "EDAC sbridge MC1: ADDR ee30a0000\n"
        "EDAC sbridge MC1: MISC 900040004001e8c\n"
        "EDAC sbridge MC1: PROCESSOR 0:306e4 TIME 1519356496 SOCKET 1 APIC 20\n"
        "EDAC MC1: 1 CE memory scrubbing error on CPU_SrcID#1 (channel:0 slot:0 page:0xee30a0 "
        "offset:0x0 grain:32 syndrome:0x0)\n"
    )
    assert [found.class_ for found in alarms(stamped(log))] == ["machine-check", "edac"]

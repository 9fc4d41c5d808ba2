"""SysRq-f: sysrq_handle_moom() and moom_callback() of drivers/tty/sysrq.c, v6.1."""

import pytest

from ktrace.events import OomReport, Task
from tests.sources.log.samples import OOM_6_1, events_of, stamped

pytestmark = pytest.mark.unit

ASKED = "sysrq: Manual OOM execution\n"
CALL = OOM_6_1.replace("order=0", "order=-1")


def kills(log: str) -> list[OomReport]:
    return [event for event in events_of(stamped(log)) if isinstance(event, OomReport)]


def test_it_is_one_report_with_the_call_that_it_leads_to() -> None:
    (report,) = kills(ASKED + CALL)
    assert report.manual
    assert report.victim == Task(377, 377, "app,d")


def test_a_call_for_want_of_memory_is_another() -> None:
    asked, call = kills(ASKED + OOM_6_1)
    assert (asked.manual, asked.victim) == (True, None)
    assert (call.manual, call.victim) == (False, Task(377, 377, "app,d"))


def test_it_stays_where_no_call_follows() -> None:
    (report,) = kills(ASKED + "usb 1-1: new device\n" * 5)
    assert (report.manual, report.victim) == (True, None)

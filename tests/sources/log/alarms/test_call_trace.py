"""A call trace without a report that is known is told: such a log is not clean."""

from __future__ import annotations

import pytest

from ktrace.events import Alarm, Task
from tests.sources.log.alarms.test_alarms import TRACE, WHO, alarms
from tests.sources.log.samples import HUNG, OOM_6_1, events_of, stamped

pytestmark = pytest.mark.unit

NOISE = "usb 1-1: New USB device found, idVendor=0951\n" * 300
ARM = """\
[<c02d2014>] (__schedule+0x448/0x5cc) from [<c014e510>] (squashfs_cache_get+0x120/0x3ec)
[<c014e510>] (squashfs_cache_get+0x120/0x3ec) from [<c014fd1c>] (squashfs_readpage+0x748/0xa2c)
[<c014fd1c>] (squashfs_readpage+0x748/0xa2c) from [<c00b7be0>] (__do_page_cache_readahead+0x1ac/0x2)
"""


@pytest.mark.parametrize("form", [str, stamped])
@pytest.mark.parametrize("log", [WHO + TRACE, TRACE, ARM])
def test_it_is_an_alarm(log: str, form: type[str]) -> None:
    (found,) = alarms(form(NOISE + log + NOISE))
    assert (found.class_, found.title) == ("call-trace", "call trace in squashfs_cache_get")
    assert any("squashfs_cache_get" in frame for frame in found.stack)
    assert found.lines[0] == 301


def test_where_bad_page_is_in_it() -> None:
    """The report itself is not in the log."""
    (found,) = alarms(stamped(WHO + TRACE.replace("squashfs_cache_get", "bad_page")))
    assert found.title == "BUG: Bad page state in squashfs_readahead"


def test_who_is_told() -> None:
    (found,) = alarms(stamped(NOISE + WHO + TRACE))
    assert found.task == Task(388, 388, "sh")
    assert found.taint == "POE"


def test_each_is_told() -> None:
    assert len(alarms(stamped(NOISE + TRACE + NOISE + ARM + NOISE))) == 2


def test_what_follows_a_report_is_its_own() -> None:
    """Back traces of other CPUs, many of them."""
    others = "NMI backtrace for cpu 1\n" + WHO + TRACE + "NMI backtrace skipped: idling\n" * 40
    found = events_of(stamped(HUNG + others * 20))
    assert not any(isinstance(event, Alarm) for event in found)


def test_after_the_oom_killer_it_is_another_matter() -> None:
    (found,) = alarms(stamped(OOM_6_1 + NOISE + TRACE))
    assert found.class_ == "call-trace"


@pytest.mark.parametrize(
    "text",
    [
        "initcall foo_init+0x0/0x10 returned 0 after 3 usecs\n",
        "calling  foo_init+0x0/0x10 @ 1\n",
        "a word+0x12 in a sentence\n",
        " single_frame+0x1/0x2\n",
        "Call Trace:\n",
    ],
)
def test_less_is_nothing(text: str) -> None:
    assert events_of(stamped(NOISE + text + NOISE)) == []

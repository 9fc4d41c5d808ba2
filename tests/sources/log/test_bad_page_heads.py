"""The first lines of bad pages' reports, and reports that have none."""

from __future__ import annotations

import pytest

from ktrace.events import BadPage, OomReport, Trigger
from tests.sources.log.samples import V4_9, V6_1, events_of, stamped
from tests.sources.log.test_bad_page import of

pytestmark = pytest.mark.unit

# bad_page() of mm/page_alloc.c, v2.6.18, on i386; of 2.6.9 as Red Hat had it
V2_6_18 = """\
Bad page state in process 'httpd'
page:c1a2b3c0 flags:0x80000014 mapping:00000000 mapcount:-1 count:0 (Not tainted)
Trying to fix it up, but a reboot is needed
Backtrace:
 [<c0150f52>] bad_page+0x57/0x8b
 [<c0151f33>] free_hot_cold_page+0x41/0x11b
 [<c015b8a0>] zap_pte_range+0x2b0/0x3c0
"""
V2_6_9 = """\
Bad page state at prep_new_page (in process 'kswapd0', page c15b8d80)
flags:0x20001000 mapping:00000000 mapcount:0 count:1
Backtrace:
 [<c01408cb>] bad_page+0x58/0x89
 [<c0140e1e>] prep_new_page+0x24/0x3a
Trying to fix it up, but a reboot is needed
"""
# dump_page() of mm/debug.c, v5.15, for start_isolate_page_range(); and for VM_BUG_ON_PAGE()
DUMP = """\
page:00000000b2a3c4d5 refcount:1 mapcount:0 mapping:0000000000000000 index:0x0 pfn:0x2519
flags: 0x1000000000000000(zone=1)
raw: 1000000000000000 dead000000000100 dead000000000122 0000000000000000
raw: 0000000000000000 0000000000000000 00000001ffffffff 0000000000000000
page dumped because: {}
"""


def test_before_2_6_29() -> None:
    event = of(V2_6_18)
    assert event.by.comm == "httpd"
    assert event.page == "0xc1a2b3c0"
    assert (event.flags, event.refcount, event.mapcount) == ("0x80000014", 0, -1)
    assert event.triggered == (Trigger("mapcount", "0xffffffff", ()),)
    assert [frame.split("+")[0] for frame in event.stack] == [
        "bad_page",
        "free_hot_cold_page",
        "zap_pte_range",
    ]


def test_the_page_is_in_the_first_line() -> None:
    event = of(V2_6_9)
    assert (event.by.comm, event.page, event.refcount) == ("kswapd0", "0xc15b8d80", 1)
    assert (event.path, len(event.stack)) == ("alloc", 2)


@pytest.mark.parametrize("log", [V4_9, V6_1])
@pytest.mark.parametrize("form", [str, stamped])
def test_the_first_line_is_not_in_the_log(log: str, form: type[str]) -> None:
    """The ring buffer had no more of it."""
    whole = of(form(log))
    torn = of(form(log.partition("\n")[2]))
    assert (torn.flags, torn.triggered, torn.stack) == (whole.flags, whole.triggered, whole.stack)
    assert torn.by == whole.by


def test_the_page_is_told_by_later_kernels() -> None:
    assert of(V6_1.partition("\n")[2]).pfn == 0x12123


@pytest.mark.parametrize(
    "reason", ["unmovable page", "migration failure", "VM_BUG_ON_PAGE(PageTail(page))"]
)
def test_pages_are_dumped_for_other_reasons(reason: str) -> None:
    assert not events_of(DUMP.format(reason))


def test_a_first_line_that_is_quoted_takes_no_others_page() -> None:
    quoted = "BUG: Bad page state in process swapper  pfn:086ac\n" + "bisect says\n" * 5
    first, second = events_of(quoted + V4_9)
    assert isinstance(first, BadPage)
    assert isinstance(second, BadPage)
    assert (first.pfn, first.flags) == (0x86AC, "")
    assert second.flags == of(V4_9).flags


def test_prose_behind_the_reason_is_not_part_of_it() -> None:
    """v6.14, free_tail_page_prepare(), in a mail."""
    log = DUMP.format("corrupted mapping in tail page") + "Reset it to TAIL_MAPPING before\n"
    log = f"BUG: Bad page state in process kworker/0:3 pfn:02519\n{log}"
    event = of("".join(f"kernel: {line}\n" for line in log.splitlines()[:-1]) + "Reset it\n")
    assert event.reason == "corrupted mapping in tail page"
    assert event.triggered[0].what == "tail"


def test_another_message_goes_on_in_the_first_line() -> None:
    """A serial console on which two CPUs print."""
    first, _, rest = V6_1.partition("\n")
    event = of(stamped(f"{first}[  100.000001] usb 1-1: new device\n{rest}"))
    assert (event.pfn, event.by.comm) == (0x12123, "dd")


def test_raw_words_of_interleaved_reports() -> None:
    """Two CPUs, line by line: a line of words goes to the page whose flags it begins with."""
    other = V6_1.replace("4000(private_2|", "2000(private|").replace(
        "fffffc0004000", "fffffc0002000"
    )
    other = other.replace("dd", "awk").replace("12123", "1a123").replace("377", "378")
    pairs = zip(V6_1.splitlines(), other.splitlines(), strict=True)
    log = stamped("".join(f"{one}\n{two}\n" for one, two in pairs))
    for event, alone in zip(events_of(log), (of(V6_1), of(other)), strict=True):
        assert isinstance(event, BadPage)
        assert (event.pfn, event.words, event.triggered) == (
            alone.pfn,
            alone.words,
            alone.triggered,
        )


def test_the_second_line_of_raw_words_has_no_flags() -> None:
    lines = V6_1.splitlines(keepends=True)
    event = of("".join(lines[:2] + lines[4:]))
    assert (event.flags, event.triggered) == ("", (Trigger("flags", "", ()),))


def test_the_oom_killer_of_2_6_18_names_nobody() -> None:
    """out_of_memory() of mm/oom_kill.c, v2.6.18."""
    (report,) = events_of(
        "oom-killer: gfp_mask=0x201d2, order=0\n"
        "\n"
        "Call Trace:\n"
        " [<ffffffff800c5ceb>] out_of_memory+0x8e/0x2f3\n"
        " [<ffffffff8000f3b6>] __alloc_pages+0x245/0x2ce\n"
        "Out of Memory: Kill process 3177 (postmaster) score 12345 and children.\n"
        "Out of memory: Killed process 3177 (postmaster).\n"
    )
    assert isinstance(report, OomReport)
    assert (report.by, report.order, report.gfp_mask) == (None, 0, "0x201d2")
    assert report.victim
    assert report.victim.comm == "postmaster"

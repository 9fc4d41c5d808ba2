"""What the report of a bad page means, written after the formats of the kernel's own printk()."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ktrace.events import BadPage, Trigger
from tests.sources.log.samples import V4_9, V6_12, events_of

pytestmark = pytest.mark.unit

# __dump_page() of mm/debug.c, v6.1
V6_1 = """\
BUG: Bad page state in process app  pfn:2d542b
page:00000000dce6c32a refcount:{refcount} mapcount:0 mapping:{printed} index:0x9 pfn:0x2d542b
flags: {flags:#x}({names}|node=0|zone=2|lastcpupid=0x1fffff)
raw: {flags:016x} dead000000000100 dead000000000122 {mapping:016x}
raw: 0000000000000009 {private:016x} {counts} 0000000000000000
page dumped because: {reason}
CPU: 1 PID: 377 Comm: app Tainted: P           OE     {release} #1
Call Trace:
 bad_page.cold+0x63/0x8f
 {path}+0x3e2/0x5c0
"""
FREED, HANDED_OUT = "free_pcp_prepare", "rmqueue_bulk"


def bad_page(**changes: object) -> BadPage:
    """A free page in order, but for the changes."""
    values: dict[str, object] = {
        "refcount": 0,
        "printed": "0000000000000000",
        "flags": 0x17FFFFC0000000,
        "names": "",
        "mapping": 0,
        "private": 0,
        "counts": "00000000ffffffff",
        "reason": "non-NULL mapping",
        "release": "6.1.0",
        "path": HANDED_OUT,
    }
    return of(V6_1.format(**(values | changes)).replace("(|", "("))


def of(log: str) -> BadPage:
    (event,) = events_of(log)
    assert isinstance(event, BadPage)
    return event


def test_a_hashed_mapping_is_no_value() -> None:
    """The raw word is what the kernel tested."""
    event = bad_page(printed="00000000b6e6acb9", mapping=0xFFFF950C977D7A00)
    assert event.mapping == "0xffff950c977d7a00"
    assert event.triggered == (Trigger("mapping", "0xffff950c977d7a00", ()),)


def test_one_bit_of_the_raw_mapping() -> None:
    event = bad_page(printed="000000007ebbe801", mapping=1 << 58)
    assert event.triggered == (Trigger("mapping", "0x400000000000000", ()),)


def test_a_hash_without_raw_words_is_not_known() -> None:
    log = V6_1.format(
        refcount=0,
        printed="00000000b6e6acb9",
        flags=0,
        names="",
        mapping=0,
        private=0,
        counts="0" * 16,
        reason="non-NULL mapping",
        release="6.1.0",
        path=HANDED_OUT,
    )
    event = of("\n".join(line for line in log.splitlines() if not line.startswith("raw:")))
    assert event.mapping is None
    assert event.triggered == (Trigger("mapping", "", ()),)


def test_whose_mapping_it_is() -> None:
    log = (
        "BUG: Bad page state in process app  pfn:1\n"
        "page:00000000dce6c32a refcount:0 mapcount:0 mapping:00000000b6e6acb9 index:0x9 pfn:0x1\n"
        'aops:ext4_da_aops ino:1441cee dentry name:"log"\n'
        "flags: 0x17ffffc0000000(node=0|zone=2)\n"
        "page dumped because: non-NULL mapping\n"
    )
    assert of(log).triggered == (Trigger("mapping", "", ("ext4_da_aops",)),)


def test_a_pointer_of_before_hashing_is_one() -> None:
    event = of(V4_9.replace("          (null)", "ffff880279688308"))
    assert event.mapping == "0xffff880279688308"


def test_private_with_its_flag() -> None:
    event = bad_page(
        flags=0x17FFFFC0002000,
        names="private",
        private=0xFFFF888066758690,
        reason="PAGE_FLAGS_CHECK_AT_FREE flag(s) set",
        release="5.9.1",
        path=FREED,
    )
    assert event.private == "0xffff888066758690"
    assert event.triggered == (Trigger("flags", "0x2000", ("private",)),)


def test_all_that_failed_of_a_page_in_use() -> None:
    event = bad_page(
        refcount=1,
        counts="00000001ffffffff",
        flags=0x17FFFFC0000036,
        names="referenced|uptodate|lru|active",
        printed="00000000b6e6acb9",
        mapping=0xFFFF950C977D7A00,
        reason="page still charged to cgroup",
        release="5.15.5",
    )
    assert [trigger.what for trigger in event.triggered][:3] == ["flags", "mapping", "refcount"]
    assert event.triggered[-1].what == "memcg"


@pytest.mark.parametrize(
    ("release", "counts", "name", "value"),
    [
        ("5.10.1", "00000000fffffbff", "table", "0xfffffbff"),
        ("5.15.1", "00000000ffffff7f", "buddy", "0xffffff7f"),
        ("4.19.1", "00000000fffffdff", "kmemcg", "0xfffffdff"),
    ],
)
def test_a_page_type_is_no_map_count(release: str, counts: str, name: str, value: str) -> None:
    event = bad_page(release=release, counts=counts, reason="nonzero mapcount", path=FREED)
    assert event.triggered == (Trigger("page_type", value, (name,)),)


def test_a_page_type_that_the_kernel_names() -> None:
    """v6.12: it prints mapcount 0 then, and "nonzero mapcount" is because of the type."""
    log = V6_12.replace("refcount:-1", "refcount:0").replace("ffffffffffffffff", "00000000f2000000")
    log = log.replace("nonzero _refcount", "nonzero mapcount")
    event = of(log.replace("raw: 000f", "page_type: f2(table)\nraw: 000f"))
    assert event.mapcount == 0
    assert event.triggered == (Trigger("page_type", "0xf2000000", ("table",)),)


def test_before_there_were_raw_words() -> None:
    """v4.7: PAGE_BUDDY_MAPCOUNT_VALUE is -128, and printed is one more."""
    log = (
        "BUG: Bad page state in process khugepaged  pfn:101db8\n"
        "page:ffffea0004076e00 count:0 mapcount:-127 mapping:          (null) index:0x1\n"
        "flags: 0x8000000000000000()\n"
        "page dumped because: nonzero mapcount\n"
        "CPU: 3 PID: 38 Comm: khugepaged Not tainted 4.7.0-rc3 #491\n"
    )
    assert of(log).triggered == (Trigger("page_type", "0xffffff80", ("buddy",)),)


def test_the_culprit_by_name_of_a_kernel_without_a_table() -> None:
    log = V6_12.replace("(node", "(uptodate|private|made_up|node").replace(
        "refcount:-1", "refcount:0"
    )
    log = log.replace("0xfffffc0000000(", "0xfffffc000400c(").replace(
        "nonzero _refcount", "PAGE_FLAGS_CHECK_AT_FREE flag(s) set"
    )
    event = of(log.replace("ffffffffffffffff", "00000000ffffffff"))
    assert event.flag_names == ("uptodate", "private", "made_up")
    assert event.triggered == (Trigger("flags", "", ("private",)),)


def test_the_culprit_by_the_table_that_prints_these_names() -> None:
    event = bad_page(
        flags=0x17FFFFC000400C,
        names="referenced|uptodate|private",
        reason="PAGE_FLAGS_CHECK_AT_FREE flag(s) set",
        release="6.10.0",
        path=FREED,
    )
    assert event.triggered == (Trigger("flags", "0x4000", ("private",)),)


def test_a_tail_page() -> None:
    """free_tail_page_prepare(): there NULL is what is wrong."""
    log = (
        "BUG: Bad page state in process app pfn:10ac40\n"
        "page does not match folio\n"
        "page: refcount:0 mapcount:0 mapping:0000000000000000 index:0x0 pfn:0x10ac40\n"
        "flags: 0x17ffffc0000000(node=0|zone=2|lastcpupid=0x1fffff)\n"
        "raw: 0017ffffc0000000 fffff1f0042b0000 0000000000000000 0000000000000000\n"
        "page dumped because: corrupted mapping in tail page\n"
    )
    assert of(log).triggered == (Trigger("tail", "", ("corrupted mapping in tail page",)),)


def test_lines_that_a_mail_broke() -> None:
    log = bad_page_text()
    broken = (
        log.replace(" mapcount:0", "\nmapcount:0")
        .replace("flags: 0x", "flags:\n0x")
        .replace(" dead000000000122", "\ndead000000000122")
        .replace(" 00000000ffffffff", "\n00000000ffffffff")
    )
    assert replace(of(broken), lines=()) == replace(of(log), lines=())


def bad_page_text() -> str:
    return V6_1.format(
        refcount=0,
        printed="0000000000000000",
        flags=0x17FFFFC0000036,
        names="referenced|uptodate|lru|active",
        mapping=1 << 40,
        private=0,
        counts="00000000ffffffff",
        reason="non-NULL mapping",
        release="5.15.1",
        path=HANDED_OUT,
    )


def test_null_that_a_mail_broke_off() -> None:
    assert of(V4_9.replace(":          (null)", ":\n(null)")).mapping == "0x0"


def test_what_follows_the_reason_on_its_line_is_none_of_it() -> None:
    log = V6_12.replace("nonzero _refcount\n", "nonzero _refcount  Modules linked in:\n")
    assert of(log).reason == "nonzero _refcount"


def test_indented() -> None:
    log = "".join(f"    {line}\n" for line in V6_12.splitlines())
    assert of(log).triggered == of(V6_12).triggered


def test_foreign_modules() -> None:
    assert bad_page().taint == "P           OE"
    assert of(V6_12).taint == "G    B      OE"


def test_what_no_page_initialised() -> None:
    log = (
        "BUG: Bad page state in process swapper  pfn:1\n"
        "page:ffffea0004076e00 is uninitialized and poisoned\n"
        + "raw: ffffffffffffffff ffffffffffffffff ffffffffffffffff ffffffffffffffff\n"
        * 2
    )
    assert set(of(log).words) == {"0xffffffffffffffff"}

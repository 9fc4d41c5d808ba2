"""Kernel logs of every era and form become events; nothing makes the parser fail."""

from __future__ import annotations

import gzip
import io
import json
import random
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrace.events import BadPage, HungReport, OomReport, Task, Trigger
from ktrace.sources.log.input import open_log
from ktrace.sources.log.kinds import KINDS
from ktrace.sources.log.scanner import BLOCK, LINE_MAX, Scanner
from ktrace.sources.log.source import KernelLogSource
from ktrace.trace.damage import Damage
from tests.sources.log.samples import (
    ALL,
    HUNG,
    LOGS,
    OOM_2_6_31,
    OOM_6_1,
    OWNER,
    SEED,
    V3_10,
    V4_9,
    V6_1,
    V6_12,
    LogEvent,
    events_of,
    reports,
    stamped,
)

pytestmark = pytest.mark.unit


def bad_page(log: str | bytes) -> BadPage:
    found = events_of(log)
    assert len(found) == 1
    assert isinstance(found[0], BadPage)
    return found[0]


# Bad pages, era by era --------------------------------------------------------------------------


def test_the_three_reports_of_2009() -> None:
    found = [event for event in events_of(SEED) if isinstance(event, BadPage)]
    assert [event.by for event in found] == [
        Task(19211, 19211, "tar"),
        Task(17927, 17927, "lzma"),
        Task(4818, 4818, "python"),
    ]
    assert [event.pfn for event in found] == [0xA1293, 0xA1093, 0xA0E93]
    assert [event.t for event in found] == [7423.221754, 1030.152737, 2449.053652]
    assert [event.kernel for event in found] == [
        "2.6.31-rc5 #1",
        "2.6.31-rc7 #1",
        "2.6.31-rc7 #3",
    ]
    assert len({event.boot for event in found}) == 3
    for event in found:
        assert (event.page, event.page_phys) == ("0xc28fc260", "0x28fc260")
        assert event.flags == "0x80004000"
        assert event.triggered == (Trigger("flags", "0x4000", ("head",)),)
        assert event.fields == ("zone=2",)
        assert (event.refcount, event.mapcount, event.mapping) == (0, 0, "0x0")
        assert event.path == "alloc"
        assert event.stack[:2] == ("bad_page+0xcf", "get_page_from_freelist+0x37d")
        assert not any("printk" in frame for frame in event.stack)


def test_6_1_has_hashed_pointers_and_names() -> None:
    event = bad_page(V6_1)
    assert (event.page, event.page_phys) == (None, None)
    assert event.flag_names == ("private_2",)
    assert event.fields == ("node=0", "zone=1", "lastcpupid=0x1fffff")
    assert event.triggered == (Trigger("flags", "0x4000", ("private_2",)),)
    assert event.by == Task(377, 377, "dd")
    assert event.kernel == "6.1.0-56-cloud-amd64 #1"
    assert event.reason == "PAGE_FLAGS_CHECK_AT_PREP flag(s) set"
    assert event.words[0] == "0x000fffffc0004000"
    assert len(event.words) == 8
    assert event.stack == (
        "bad_page.cold+0x63",
        "rmqueue_bulk+0x3e2",
        "get_page_from_freelist+0x9a1",
        "__alloc_pages+0xd6",
    )


def test_6_12_has_no_pointer_and_a_negative_count() -> None:
    event = bad_page(V6_12)
    assert (event.page, event.page_phys, event.pfn) == (None, None, 0x1A123)
    assert event.refcount == -1
    assert event.triggered == (Trigger("refcount", "0xffffffff", ()),)
    assert event.path == "free"  # by __free_pages()
    assert event.kernel == "6.12.57+deb13-amd64 #1"
    assert event.stack[-1] == "bad_free_init+0x17 [bad_page_bug]"


def test_4_9_says_which_flags_are_bad() -> None:
    event = bad_page(V4_9)
    assert event.page == "0xffffea000c274880"
    assert event.page_phys is None  # a vmemmap: only the page tables know
    assert event.flag_names == ("dirty", "lru", "private")
    assert event.triggered == (Trigger("flags", "0x820", ("lru", "private")),)
    assert event.path == "free"


def test_3_10_i386_lowmem_is_physical() -> None:
    event = bad_page(V3_10)
    assert event.page_phys == "0x33461a00"
    assert event.triggered == (
        Trigger("flags", "0x400", ("reserved",)),
        Trigger("mapcount", "0x1", ()),
    )


def test_without_evidence_of_x86_no_address_is_physical() -> None:
    event = bad_page(V3_10.replace(" [<c15f06c4>] sysenter_do_call+0x12/0x22\n", ""))
    assert (event.page, event.page_phys) == ("0xf3461a00", None)


def test_page_owner_text_is_kept_apart_from_the_call_trace() -> None:
    text = V6_1.replace("page dumped because", OWNER + "page dumped because")
    event = bad_page(text)
    assert event.owner == tuple(line.strip() for line in OWNER.splitlines())
    assert event.stack == bad_page(V6_1).stack


def test_unknown_flags_of_a_release_without_table_are_counted_from_the_names() -> None:
    text = V6_1.replace("6.1.0-56-cloud-amd64", "6.9.1").replace("private_2", "private_9")
    assert bad_page(text).triggered == (Trigger("flags", "0x4000", ("private_9",)),)


def test_memcg_is_told_by_the_reason() -> None:
    text = V6_12.replace("nonzero _refcount", "page still charged to cgroup").replace(
        "refcount:-1", "refcount:0"
    )
    assert bad_page(text.replace("flags:", "memcg:ffff888003d1a000\nflags:")).triggered == (
        Trigger("memcg", "0xffff888003d1a000", ()),
    )


def test_a_report_that_is_cut_off_says_what_it_says() -> None:
    event = bad_page("\n".join(V6_1.splitlines()[:2]))
    assert (event.pfn, event.by.comm, event.by.pid) == (0x12123, "dd", 0)
    assert (event.flags, event.triggered, event.stack, event.kernel) == ("", (), (), "")
    event = bad_page(V6_1.splitlines()[0])
    assert (event.refcount, event.mapcount, event.mapping) == (None, None, None)


# Logs of real guests ----------------------------------------------------------------------------


def test_the_console_of_a_guest() -> None:
    """Its bit 14 at physical 0x1fa848c0 was flipped; the log cannot show the address."""
    found = events_of((LOGS / "console-6.1.txt").read_bytes())
    assert [type(event) for event in found] == [OomReport, BadPage, OomReport]
    page = found[1]
    assert isinstance(page, BadPage)
    assert (page.page, page.page_phys, page.pfn) == (None, None, 0x12123)
    assert page.triggered == (Trigger("flags", "0x4000", ("private_2",)),)
    assert page.by == Task(101, 101, "dd")
    assert page.stack[:2] == ("bad_page.cold+0x63", "check_new_pages+0xab")
    victims = [event.victim for event in found if isinstance(event, OomReport)]
    assert victims == [Task(98, 98, "tail"), Task(103, 103, "tail")]
    assert {event.boot for event in found} == {"boot 1 of the log"}
    assert {event.kernel for event in found} == {"6.1.0-56-cloud-amd64 #1"}


def test_a_guest_without_hashing_shows_the_virtual_address() -> None:
    page = bad_page((LOGS / "bad-page-6.1.txt").read_bytes())
    assert (page.page, page.page_phys) == ("0xffffea00004848c0", None)
    assert page.words[:2] == ("0x000fffffc0004000", "0xdead000000000100")


def test_a_hung_task_of_a_guest() -> None:
    (event,) = events_of((LOGS / "hung-6.1.txt").read_bytes())
    assert isinstance(event, HungReport)
    assert (event.task, event.blocked_s) == (Task(96, 96, "init"), 6)
    assert event.stack[2] == "percpu_rwsem_wait+0x116"
    assert event.stack[-1] == "entry_SYSCALL_64_after_hwframe+0x6e"


def test_a_report_that_is_cut_off_takes_nothing_of_the_next() -> None:
    cut = "\n".join(V6_12.splitlines()[:6]) + "\n"
    found = [event for event in events_of(cut + V4_9) if isinstance(event, BadPage)]
    assert [event.by.comm for event in found] == ["awk", "server"]
    assert (found[0].by.pid, found[0].stack, found[0].kernel) == (0, (), "")
    assert found[0].triggered == (Trigger("refcount", "0xffffffff", ()),)
    assert told(found[1]) == told(bad_page(V4_9))


def test_arms_form_of_the_call_trace() -> None:
    trace = (
        "[<8010fb3c>] (unwind_backtrace) from [<8010c058>] (show_stack+0x20/0x24)\n"
        "[<80456104>] (dump_stack) from [<802113f8>] (bad_page+0x108/0x16c)\n"
        "[<802113f8>] (bad_page) from [<80211500>] (get_page_from_freelist+0x714/0x9a8)\n"
    )
    event = bad_page(V4_9[: V4_9.index("Call Trace")] + trace)
    assert event.stack == ("bad_page+0x108", "get_page_from_freelist+0x714")


# Forms of logs ----------------------------------------------------------------------------------


def dmesg_json(log: str) -> str:
    entries = [
        f'      {{\n         "pri": 1,\n         "time": {100 + i / 1000:12.6f},\n'
        f'         "msg": {json.dumps(line)}\n      }}'
        for i, line in enumerate(log.splitlines())
    ]
    return '{\n   "dmesg": [\n' + ",\n".join(entries) + "\n   ]\n}\n"


def journal_json(log: str) -> str:
    return "".join(
        json.dumps(
            {
                "_BOOT_ID": "58d5bc8f99a04899abc87cbd18560b0b",
                "_SOURCE_MONOTONIC_TIMESTAMP": str(100_000_000 + 1000 * i),
                "MESSAGE": list(line.encode()) if i == 2 else line,
            }
        )
        + "\n"
        for i, line in enumerate(log.splitlines())
    )


def kmsg(log: str) -> str:
    return "".join(
        f"1,{500 + i},{100_000_000 + 1000 * i},-;{line}\n SUBSYSTEM=mm\n"
        for i, line in enumerate(log.splitlines())
    )


FORMS = {
    "dmesg": stamped,
    "raw": lambda log: stamped(log, prefix="<1>"),
    "syslog": lambda log: stamped(log, prefix="Aug 21 22:37:47 coyote kernel: "),
    "rsyslog": lambda log: stamped(log, prefix="2026-11-21T22:37:47.123456+00:00 board kernel: "),
    "dmesg -x": lambda log: stamped(log, prefix="kern  :alert : "),
    "mail": lambda log: stamped(log, prefix="> > "),
    "caller": lambda log: stamped(log).replace("000] ", "000][    T7] "),
    "short-monotonic": lambda log: stamped(log).replace("000] ", "000] board kernel: "),
    "dmesg --json": dmesg_json,
    "journalctl -o json": journal_json,
    "/dev/kmsg": kmsg,
    "CRLF": lambda log: stamped(log).replace("\n", "\r\n"),
}


def told(event: LogEvent) -> LogEvent:
    """Without when, in which boot, and where in the log."""
    event = replace(event, t=0.0, boot="")
    return replace(event, lines=()) if hasattr(event, "lines") else event  # type: ignore[call-arg]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("log", [V6_1, V4_9, HUNG, OOM_6_1])
def test_every_form_says_the_same(form: str, log: str) -> None:
    text = FORMS[form](log)
    found = events_of("something else before\n" * 50 + text)
    assert len(found) == 1
    (plain,) = events_of(log)
    assert found[0].t == 100.0
    assert told(found[0]) == told(plain)


@pytest.mark.parametrize("log", [V6_1, HUNG, OOM_6_1])
def test_without_time_stamps(log: str) -> None:
    assert [event.t for event in events_of(log)] == [0.0]


def test_dates_instead_of_time_stamps() -> None:
    text = "".join(f"[Fri Aug 21 22:37:47 2009] {line}\n" for line in V6_1.splitlines())
    assert replace(bad_page(text), t=0.0) == bad_page(V6_1)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "log"
    text = ("\ufeff" if encoding == "utf-16-le" else "") + "boot\n" + stamped(V6_1)
    path.write_bytes(text.encode(encoding))
    with closing(open_log(str(path), Damage())) as stream:
        assert len(reports(KernelLogSource(stream))) == 1


def test_gzip(tmp_path: Path) -> None:
    path = tmp_path / "kern.log.2.gz"
    path.write_bytes(gzip.compress(stamped(V6_1).encode()))
    with closing(open_log(str(path), Damage())) as stream:
        assert len(reports(KernelLogSource(stream))) == 1


def test_two_cpus_at_the_same_time() -> None:
    """Without the printing task, lines go to the report that still wants them."""
    other = V6_1.replace("12123", "33333").replace("process dd", "process cp")
    other = other.replace("PID: 377 Comm: dd", "PID: 9 Comm: cp")
    mine, theirs = V6_1.splitlines()[:9], other.splitlines()[:9]
    mixed = [line for pair in zip(mine, theirs, strict=True) for line in pair]
    found = [event for event in events_of("\n".join(mixed)) if isinstance(event, BadPage)]
    assert [(event.pfn, event.by.pid) for event in found] == [(0x12123, 377), (0x33333, 9)]


def test_two_cpus_with_the_printing_task() -> None:
    mine = [f"[  1.000000][   T1] {line}" for line in V6_1.splitlines()]
    other = V6_12.splitlines()
    theirs = [f"[  1.000000][   T2] {line}" for line in other] + [""] * (len(mine) - len(other))
    mixed = [line for pair in zip(mine, theirs, strict=True) for line in pair]
    found = [event for event in events_of("\n".join(mixed)) if isinstance(event, BadPage)]
    alone = [bad_page(V6_1), bad_page(V6_12)]
    by_pfn = sorted(found, key=lambda event: event.pfn or 0)
    assert list(map(told, by_pfn)) == list(map(told, alone))


# Boots ------------------------------------------------------------------------------------------


def boots(log: str) -> list[str]:
    return [event.boot for event in events_of(log)]


@pytest.mark.parametrize(
    ("between", "second", "same"),
    [
        ("[    0.000000] Linux version 6.1.0-56-cloud-amd64 (a@b) #1 SMP\n", 200, False),
        ("-- Reboot --\n", 200, False),
        ("-- Boot 58d5bc8f99a04899abc87cbd18560b0b --\n", 200, False),
        ("", 50, False),  # time goes back
        ("", 200, True),
        ("[  100.500000] some other line\n", 200, True),
    ],
)
def test_several_boots_in_one_file(between: str, second: float, same: bool) -> None:
    log = stamped(V6_1) + between + stamped(V6_1.replace("12123", "13123"), second)
    found = boots(log)
    assert (found[0] == found[1]) == same


def test_the_journals_mark_and_the_version_line_are_one_boot() -> None:
    begin = (
        "-- Boot 58d5bc8f99a04899abc87cbd18560b0b --\n"
        "[    0.000000] microcode: updated early\n"
        "[    0.000000] Linux version 6.1.0-56-cloud-amd64 (a@b) #1 SMP\n"
    )
    assert boots(stamped(V6_1) + begin + stamped(V6_1, 200)) == [
        "boot 1 of the log",
        "boot 2 of the log",
    ]


def test_the_journals_boot_id_is_used() -> None:
    assert boots(journal_json(V6_1)) == ["58d5bc8f99a04899abc87cbd18560b0b"]


def test_the_running_kernels_log_has_its_boot_id() -> None:
    assert [event.boot for event in events_of(V6_1, "an-id")] == ["an-id"]


def test_suppressed_reports_are_counted() -> None:
    log = stamped("BUG: Bad page state: 17 messages suppressed\n" + V6_1)
    source = KernelLogSource(io.BytesIO(log.encode()))
    assert len(reports(source)) == 1
    assert source.suppressed == 17


# OOM and hung tasks -----------------------------------------------------------------------------


def test_oom_of_a_modern_kernel() -> None:
    (event,) = events_of(OOM_6_1)
    assert isinstance(event, OomReport)
    assert event.by == Task(388, 388, "sh")
    assert event.victim == Task(377, 377, "app,d")
    assert (event.order, event.gfp, event.gfp_mask) == (
        0,
        "GFP_HIGHUSER_MOVABLE|__GFP_COMP",
        "0x140cca",
    )
    assert (event.constraint, event.cgroup, event.uid) == ("CONSTRAINT_NONE", "/app.slice", 1000)
    assert (event.total_vm_kib, event.anon_rss_kib, event.file_rss_kib) == (50000, 41984, 100)
    assert (event.shmem_rss_kib, event.pgtables_kib, event.oom_score_adj) == (0, 120, 300)


def test_oom_of_2009_does_not_say_the_sizes() -> None:
    (event,) = events_of(OOM_2_6_31)
    assert isinstance(event, OomReport)
    assert (event.victim, event.by) == (Task(904, 904, "app"), Task(812, 812, "sh"))
    assert (event.anon_rss_kib, event.uid, event.oom_score_adj, event.gfp) == (None,) * 4
    assert event.kernel == "2.6.31-rc7 #3"


def test_oom_of_this_kernel() -> None:
    (event,) = events_of((LOGS / "oom-6.18.txt").read_bytes())
    assert isinstance(event, OomReport)
    assert event.by == event.victim == Task(32679, 32679, "eat_memory")
    assert event.constraint == "CONSTRAINT_MEMCG"
    assert (event.anon_rss_kib, event.file_rss_kib) == (20480, 1124)


def test_oom_that_kills_nobody() -> None:
    log = OOM_6_1[: OOM_6_1.index("oom-kill:")] + "Out of memory and no killable processes...\n"
    (event,) = events_of(log)
    assert isinstance(event, OomReport)
    assert event.victim is None


def test_oom_without_its_end_does_not_take_that_of_the_next() -> None:
    first = OOM_6_1[: OOM_6_1.index("oom-kill:")]
    found = events_of(first + OOM_6_1)
    assert [isinstance(event, OomReport) and event.victim for event in found] == [
        None,
        Task(377, 377, "app,d"),
    ]


def test_oom_with_thousands_of_tasks_between() -> None:
    tasks = "".join(f"[ {pid:6}]  1000 {pid:6}  2500  90\n" for pid in range(5000))
    (event,) = events_of(OOM_6_1.replace("Mem-Info:\n", tasks))
    assert isinstance(event, OomReport)
    assert event.victim


def test_hung_task() -> None:
    (event,) = events_of(HUNG)
    assert isinstance(event, HungReport)
    assert event.task == Task(377, 377, "squashfs-read")
    assert event.blocked_s == 120
    assert event.kernel == "6.1.0-56-cloud-amd64 #1"
    assert event.stack[-1] == "squashfs_cache_get+0x323 [squashfs]"


# Invariants -------------------------------------------------------------------------------------

PIECES = [line for log in (*ALL, OWNER) for line in log.splitlines()]
LINES = st.lists(
    st.sampled_from(PIECES) | st.text(max_size=60) | st.binary(max_size=60).map(repr), max_size=80
)


@given(st.binary(max_size=3000))
def test_any_bytes(data: bytes) -> None:
    events_of(data)


@given(LINES, st.booleans())
def test_any_order_of_real_lines(lines: list[str], with_time: bool) -> None:
    text = "\n".join(lines)
    events_of(stamped(text) if with_time else text)


@given(st.data())
def test_any_damage_to_a_report(data: st.DataObject) -> None:
    log = bytearray(stamped(data.draw(st.sampled_from(ALL))).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(log) - 1))
        log[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=8))
    events_of(bytes(log[: data.draw(st.integers(0, len(log)))]))


@given(st.lists(st.sampled_from(ALL), max_size=5), st.text(max_size=40))
def test_lines_are_numbered_and_lead_back_to_the_report(logs: list[str], noise: str) -> None:
    """Reading again from where a report begins gives the same report."""
    text = "".join(f"{noise}\n" + stamped(log, 100.0 * (i + 1)) for i, log in enumerate(logs))
    lines = text.split("\n")
    found = events_of(text.encode("utf-8", "replace"))
    assert len(found) == len(logs)
    for event in found:
        start = next(i for i, line in enumerate(lines) if f"[{event.t:12.6f}]" in line)
        rest = "\n".join(lines[start:]).encode("utf-8", "replace")
        if isinstance(event, BadPage | OomReport | HungReport):
            assert event.lines[0] == start + 1
            event = replace(event, lines=tuple(number - start for number in event.lines))
        assert replace(events_of(rest)[0], boot=event.boot) == event


@given(st.lists(st.binary(max_size=40).filter(lambda b: b"\n" not in b and b"\r" not in b)))
def test_every_line_is_read_when_all_are_wanted(lines: list[bytes]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    chunks = [*Scanner(io.BytesIO(data), (b"marker",)).chunks(lambda: True)]
    assert b"".join(chunk for _, chunk in chunks) == data


# Long logs --------------------------------------------------------------------------------------


class Dribble(io.RawIOBase):
    """Gives a few bytes at a time, so that every marker is once cut in two."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._random = random.Random(1)

    def read(self, _size: int = -1, /) -> bytes:
        size = self._random.randint(1, 40)
        block, self._data = self._data[:size], self._data[size:]
        return block


def test_blocks_that_end_anywhere() -> None:
    log = "".join("noise\n" * 30 + stamped(log) for log in ALL).encode()
    cut = reports(KernelLogSource(Dribble(log)))
    assert cut == events_of(log)


class Endless(io.RawIOBase):
    """So many blocks of one piece of text, made as they are read."""

    def __init__(self, piece: bytes, blocks: int) -> None:
        self._block = (piece * (BLOCK // len(piece) + 1))[:BLOCK]
        self._left = blocks

    def read(self, _size: int = -1, /) -> bytes:
        self._left -= 1
        return self._block if self._left >= 0 else b""


@pytest.mark.parametrize("piece", [b"[    1.000000] nothing to see here\n", b"\0", b"x"])
def test_memory_is_constant(piece: bytes) -> None:
    source = KernelLogSource(Endless(piece, 64))
    assert reports(source) == []
    assert source.lines.scanner.done == 64 * BLOCK
    assert len(source.lines.scanner._buffer) <= BLOCK + LINE_MAX


def test_plain_text_is_never_split() -> None:
    """How fast that is, benchmarks/kernel_log.py measures."""
    source = KernelLogSource(Endless(b"[    1.000000] nothing to see here\n", 4))
    assert [*source.lines.scanner.chunks(lambda: False)] == []
    assert source.lines.scanner.done == 4 * BLOCK


MARKERS = sorted({marker for kind in KINDS for marker in kind.markers})


@given(st.lists(st.sampled_from(MARKERS), max_size=6), st.integers(0, 30))
def test_every_marker_is_found_wherever_it_is(markers: list[bytes], before: int) -> None:
    """Half of each, which is no marker, comes first."""
    data = b"".join(
        b"." * before + marker[: len(marker) // 2] + b"\n" * 50 + marker + b"\n" * 50
        for marker in markers
    )
    scanner = Scanner(io.BytesIO(data), tuple(MARKERS))
    found = b"".join(chunk for _, chunk in scanner.chunks(lambda: False))
    assert all(found.count(marker) >= markers.count(marker) for marker in markers)


def test_half_a_marker_is_none() -> None:
    scanner = Scanner(io.BytesIO(b"Killer and Kille\n" * 100), (b"Killed process",))
    assert [*scanner.chunks(lambda: False)] == []


def test_a_line_without_end_inside_a_report() -> None:
    data = V6_1.encode()[:200] + b"x" * (3 * BLOCK) + b"\n" + stamped(V6_12).encode()
    found = events_of(data)
    assert len(found) == 2

"""The verdict on bad pages: one RAM cell, the kernel, or not known; no more than the evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.bad_page import KEPT, BadPages, Sighting, sighting_of
from ktrace.events import BadPage, Task, Trigger
from ktrace.findings import BadPageFinding, Cell, PageCorruption, RamCell
from tests.factories import session

pytestmark = pytest.mark.unit

Verdict = RamCell | PageCorruption


def bad_page(**changes: object) -> BadPage:
    """One wrong bit of a free page, physical address known."""
    values: dict[str, object] = {
        "t": 10.0,
        "boot": "first",
        "kernel": "6.1.0 #1",
        "by": Task(377, 377, "dd"),
        "pfn": 0x12123,
        "page": "0xffffea00004848c0",
        "page_phys": "0x1fa848c0",
        "flags": "0xfffffc0004000",
        "flag_names": ("private_2",),
        "fields": ("node=0", "zone=1"),
        "refcount": 0,
        "mapcount": 0,
        "mapping": "0x0",
        "memcg": None,
        "triggered": (Trigger("flags", "0x4000", ("private_2",)),),
        "path": "alloc",
        "reason": "PAGE_FLAGS_CHECK_AT_PREP flag(s) set",
        "stack": ("bad_page+0x1", "check_new_pages+0xab", "rmqueue_bulk+0x26d"),
        "words": ("0xfffffc0004000", "0xdead000000000100"),
    }
    return BadPage(**(values | changes))  # type: ignore[arg-type]


SECOND = bad_page(boot="second", pfn=0xA123, by=Task(5, 5, "cp"), t=20.0)
THIRD = bad_page(boot="third", pfn=0x1A123, by=Task(6, 6, "awk"), t=30.0)


def verdicts(*events: BadPage, history: tuple[Sighting, ...] = ()) -> list[Verdict]:
    """What holds at the end."""
    detector = BadPages(history)
    last: dict[str, Verdict] = {}
    for event in events:
        for finding in detector.feed(event):
            if not isinstance(finding, BadPageFinding):
                last[finding.id] = finding
    return [verdict for verdict in last.values() if verdict.status != "resolved"]


def verdict(*events: BadPage, history: tuple[Sighting, ...] = ()) -> Verdict:
    (only,) = verdicts(*events, history=history)
    return only


def test_the_same_cell_over_three_boots_is_bad_ram() -> None:
    found = verdict(bad_page(), SECOND, THIRD)
    assert isinstance(found, RamCell)
    assert found.cell == Cell("0x1fa848c0", 14, "0x1fa848c1", 6)
    assert (found.events, found.boots, found.confidence) == (3, 3, "high")
    assert "12123, a123, 1a123" in " ".join(found.reasoning)
    assert "dd, cp, awk" in " ".join(found.reasoning)
    assert any("memmap=4K$0x1fa84000" in advice for advice in found.advice)


def test_two_boots_and_two_frames_suffice_for_high_confidence() -> None:
    assert verdict(bad_page(), SECOND).confidence == "high"


def test_two_boots_with_the_same_frame_do_not() -> None:
    found = verdict(bad_page(), bad_page(boot="second"))
    assert isinstance(found, RamCell)
    assert found.confidence == "medium"
    assert "not ruled out" in " ".join(found.reasoning)


def test_twice_in_one_boot_is_a_weak_sign() -> None:
    assert verdict(bad_page(), bad_page(t=11.0)).confidence == "low"


def test_once_is_not_known() -> None:
    found = verdict(bad_page())
    assert isinstance(found, PageCorruption)
    assert (found.cause, found.confidence) == ("unknown", "low")
    assert any("state file" in advice for advice in found.advice)


def test_the_cell_resolves_what_was_not_known() -> None:
    detector = BadPages()
    assert [f.status for f in detector.feed(bad_page())] == ["open", "open"]
    _, gone, cell = detector.feed(SECOND)
    assert (gone.finding, gone.status) == ("page-corruption", "resolved")
    assert (cell.finding, cell.status) == ("ram-cell", "open")
    _, update = detector.feed(THIRD)
    assert (update.finding, update.status, update.id) == ("ram-cell", "update", cell.id)


def test_sightings_of_earlier_boots_count() -> None:
    found = verdict(THIRD, history=(sighting_of(bad_page()), sighting_of(SECOND)))
    assert isinstance(found, RamCell)
    assert found.boots == 3


def test_the_same_sighting_twice_is_one() -> None:
    found = verdict(bad_page(), history=(sighting_of(bad_page()),))
    assert isinstance(found, PageCorruption)
    assert found.events == 1


def test_another_bit_is_another_cell() -> None:
    other = bad_page(boot="second", triggered=(Trigger("flags", "0x8000", ("writeback",)),))
    assert isinstance(verdict(bad_page(), other), PageCorruption)


@pytest.mark.parametrize(
    ("triggered", "sign"),
    [
        (Trigger("refcount", "0xffffffff", ()), "reference count"),
        (Trigger("refcount", "0x1", ()), "reference count"),
        (Trigger("mapcount", "0x1", ()), "map count"),
        (Trigger("mapping", "0xffff888003d1a000", ()), "mapping is not NULL"),
        (Trigger("memcg", "", ()), "memory cgroup"),
        (Trigger("page_pool", "", ()), "page_pool"),
        (Trigger("flags", "0x6000", ("private", "private_2")), "several flags"),
    ],
)
def test_what_no_cell_does_is_software(triggered: Trigger, sign: str) -> None:
    found = verdict(bad_page(triggered=(triggered,)))
    assert isinstance(found, PageCorruption)
    assert (found.cause, found.confidence) == ("software", "medium")
    assert sign in " ".join(found.reasoning)


@pytest.mark.parametrize(
    "triggered",
    [
        Trigger("mapping", "0x4000000000", ()),
        Trigger("refcount", "0x1000", ()),
        Trigger("mapcount", "0xfffffc00", ()),  # -1 with bit 10 cleared, and one
    ],
)
def test_one_flipped_bit_in_another_word_is_not_called_software(triggered: Trigger) -> None:
    found = verdict(bad_page(triggered=(triggered,)))
    assert isinstance(found, PageCorruption)
    assert found.cause == "unknown"


def test_one_flag_left_on_free_may_be_either() -> None:
    assert getattr(verdict(bad_page(path="free")), "cause", "") == "unknown"


def test_the_same_on_several_pages_is_software() -> None:
    pages = [bad_page(pfn=n, page_phys=hex(0x1000 + 64 * n), path="free", t=n) for n in range(4)]
    found = verdict(*pages)
    assert isinstance(found, PageCorruption)
    assert (found.cause, found.confidence, found.events) == ("software", "high", 4)


def test_text_and_pointers_are_overwrites() -> None:
    text = hex(int.from_bytes(b"GET / HT", "little"))
    assert "holds text" in " ".join(verdict(bad_page(words=(text,))).reasoning)
    pointer = bad_page(
        flags="0xffff888003d1a040", triggered=(Trigger("flags", "0x1a040", ("a", "b", "c")),)
    )
    assert "kernel pointer" in " ".join(verdict(pointer).reasoning)


def test_without_the_physical_address_it_says_what_would_tell() -> None:
    found = verdict(bad_page(page_phys=None), replace(SECOND, page_phys=None, pfn=0x12123))
    assert isinstance(found, PageCorruption)
    assert found.cause == "unknown"
    assert "cannot be concluded" in " ".join(found.reasoning)
    assert "only point" in " ".join(found.reasoning)
    assert "ktrace bad-page" in found.advice[0]
    assert "no_hash_pointers" in found.advice[0]


def test_page_owner_is_told() -> None:
    found = verdict(bad_page(owner=("page last free pid 12 tgid 12 stack trace:",)))
    assert "pid 12" in " ".join(found.reasoning)
    assert not any("page_owner=on" in advice for advice in found.advice)


def test_an_innocent_process_at_the_per_cpu_list() -> None:
    event = bad_page(
        path="free",
        stack=("bad_page+0x1", "free_pcppages_bulk+0x2"),
        triggered=(Trigger("refcount", "0x1", ()),),
    )
    assert "need not be who freed it" in " ".join(verdict(event).reasoning)


def test_a_cell_and_a_bug_are_two_verdicts() -> None:
    bug = bad_page(pfn=1, page_phys="0x40", triggered=(Trigger("refcount", "0x1", ()),))
    kinds = {found.finding for found in verdicts(bad_page(), SECOND, bug)}
    assert kinds == {"ram-cell", "page-corruption"}


def test_thousands_of_pages_cost_bounded_memory() -> None:
    detector = BadPages()
    for n in range(KEPT + 100):
        detector.feed(bad_page(pfn=n, page_phys=hex(64 * n), t=float(n)))
    assert detector.total == KEPT + 100
    assert len(detector.sightings) == KEPT


def test_commands_report_what_is_theirs() -> None:
    for command, count in (("bad-page", 2), ("dmesg", 2), ("record", 2), ("oom-hang", 0)):
        analysis = Analysis(session(command=command, probes=()))
        assert len(analysis.feed(bad_page())) == count


TRIGGERS = st.builds(
    Trigger,
    st.sampled_from(["flags", "mapping", "mapcount", "refcount", "memcg", "page_pool"]),
    st.integers(0, 2**64 - 1).map(hex) | st.just(""),
    st.just(()),
)


@given(
    st.lists(
        st.builds(
            bad_page,
            boot=st.sampled_from("abc"),
            pfn=st.none() | st.integers(0, 3),
            page_phys=st.none() | st.sampled_from(["0x1000", "0x2000"]),
            path=st.sampled_from(["alloc", "free", ""]),
            flags=st.sampled_from(["", "0x0", "0x4000"]),
            triggered=st.lists(TRIGGERS, max_size=3).map(tuple),
            stack=st.just(()),
        ),
        max_size=8,
    )
)
def test_each_bad_page_has_a_verdict_that_counts_it_once(events: list[BadPage]) -> None:
    found = verdicts(*events)
    assert sum(each.events for each in found) == len({sighting_of(event).key for event in events})
    for each in found:
        assert each.reasoning
        assert each.advice

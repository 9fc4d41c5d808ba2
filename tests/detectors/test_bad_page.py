"""The verdict on bad pages: one RAM cell, the kernel, or not known; no more than the evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.bad_page import KEPT, BadPages, Sighting, earlier_event, sighting_of
from ktrace.events import BadPage, Event, MemoryFault, Task, Trigger, from_json, to_json
from ktrace.findings import BadPageFinding, Cell, PageCorruption, RamCell
from ktrace.views.bad_page_reasons import next_steps, reasons
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
    assert "12123, a123, 1a123" in " ".join(reasons(found))
    assert "dd, cp, awk" in " ".join(reasons(found))
    assert any("memmap=4K$0x1fa84000" in advice for advice in next_steps(found))


def test_two_boots_and_two_frames_suffice_for_high_confidence() -> None:
    assert verdict(bad_page(), SECOND).confidence == "high"


def test_two_boots_with_the_same_frame_do_not() -> None:
    found = verdict(bad_page(), bad_page(boot="second"))
    assert isinstance(found, RamCell)
    assert found.confidence == "medium"
    assert "not ruled out" in " ".join(reasons(found))


def test_foreign_modules_speak_against_the_ram() -> None:
    """Of the same frame at every boot a driver could be the cause; a frame that moved is clear."""
    boots = [{"boot": f"boot {i}", "t": float(i), "taint": "P      O"} for i in range(3)]
    same = verdict(*(bad_page(**boot) for boot in boots))
    assert (same.boots, same.confidence) == (3, "medium")
    assert any("modules from outside" in reason for reason in reasons(same))
    assert verdict(*(bad_page(**boot | {"taint": ""}) for boot in boots)).confidence == "high"
    moved = verdict(*(bad_page(**boot, pfn=0x100 + i) for i, boot in enumerate(boots)))
    assert moved.confidence == "high"


def test_one_error_that_several_report_is_one() -> None:
    found = verdicts_of(
        fault("edac", address="0x1fa84000", corrected=True),
        fault("machine-check", address="0x1fa84000", corrected=True),
    )[-1]
    assert found.confidence == "low"
    assert "one corrected error alone may be chance" in next_steps(found)[0]


def test_twice_in_one_boot_is_a_weak_sign() -> None:
    assert verdict(bad_page(), bad_page(t=11.0)).confidence == "low"


def test_once_is_not_known() -> None:
    found = verdict(bad_page())
    assert isinstance(found, PageCorruption)
    assert (found.cause, found.confidence) == ("unknown", "low")
    assert any("state file" in advice for advice in next_steps(found))


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
        (Trigger("memcg", "0xffff888003d1b000", ()), "memory cgroup"),
        (Trigger("page_pool", "", ()), "page_pool"),
        (Trigger("flags", "0x6000", ("private", "private_2")), "several flags"),
    ],
)
def test_what_no_cell_does_is_software(triggered: Trigger, sign: str) -> None:
    found = verdict(bad_page(triggered=(triggered,)))
    assert isinstance(found, PageCorruption)
    assert (found.cause, found.confidence) == ("software", "medium")
    assert sign in " ".join(reasons(found))


@pytest.mark.parametrize(
    "triggered",
    [
        Trigger("mapping", "0x4000000000", ()),
        Trigger("refcount", "0x1000", ()),
        Trigger("mapcount", "0xffffe000", ()),  # -1 with bit 13 cleared, and one
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
    assert "holds text" in " ".join(reasons(verdict(bad_page(words=(text,)))))
    pointer = bad_page(
        flags="0xffff888003d1a040", triggered=(Trigger("flags", "0x1a040", ("a", "b", "c")),)
    )
    assert "kernel pointer" in " ".join(reasons(verdict(pointer)))


def test_without_the_physical_address_it_says_what_would_tell() -> None:
    found = verdict(bad_page(page_phys=None), replace(SECOND, page_phys=None, pfn=0x12123))
    assert isinstance(found, PageCorruption)
    assert found.cause == "unknown"
    assert "cannot be concluded" in " ".join(reasons(found))
    assert "only point" in " ".join(reasons(found))
    assert "ktrace bad-page" in next_steps(found)[0]
    assert "no_hash_pointers" in next_steps(found)[0]


def test_page_owner_is_told() -> None:
    found = verdict(bad_page(owner=("page last free pid 12 tgid 12 stack trace:",)))
    assert "pid 12" in " ".join(reasons(found))
    assert not any("page_owner=on" in advice for advice in next_steps(found))


def test_an_innocent_process_at_the_per_cpu_list() -> None:
    event = bad_page(
        path="free",
        stack=("bad_page+0x1", "free_pcppages_bulk+0x2"),
        triggered=(Trigger("refcount", "0x1", ()),),
    )
    assert "need not be the one that freed" in " ".join(reasons(verdict(event)))


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


def test_what_changes_only_a_count_is_not_told_each_time() -> None:
    detector = BadPages()
    told = 0
    for n in range(3000):
        event = bad_page(
            pfn=4 * n,
            page_phys=hex(256 * n),
            t=float(n),
            triggered=(Trigger("refcount", "0x1", ()),),
        )
        told += len(detector.feed(event)) - 1
    assert told < 100
    (now,) = detector.current()
    assert now.events == 3000
    assert "judged by the first 500" in reasons(now)


def fault(what: str, **changes: object) -> MemoryFault:
    return MemoryFault(**({"t": 5.0, "boot": "first", "what": what} | changes))  # type: ignore[arg-type]


def verdicts_of(*events: Event) -> list[Verdict]:
    detector = BadPages()
    for event in events:
        detector.feed(event)
    return [*detector.current()]


def test_page_frames_of_one_struct_page_tell_boots_apart() -> None:
    """A log without time stamps and banners: three days look like one boot."""
    pages = [bad_page(t=float(n), pfn=pfn) for n, pfn in enumerate((0xA1293, 0xA1093, 0xA0E93))]
    found = verdict(*pages)
    assert isinstance(found, RamCell)
    assert (found.boots, found.confidence) == (3, "high")


def test_runs_of_page_frames_are_the_kernels_bug() -> None:
    """Nothing but the head lines is known (grep)."""
    untold = {"page": None, "page_phys": None, "triggered": (), "reason": "", "words": ()}
    pages = [bad_page(pfn=pfn, **untold) for pfn in (0x84F35, 0x84F36, 0x84F37, 0xA85FC)]
    found = verdict(*pages)
    assert isinstance(found, PageCorruption)
    assert (found.cause, found.confidence) == ("software", "medium")
    assert "consecutive" in " ".join(reasons(found))
    assert "single wrong bit" not in " ".join(reasons(found))


def one_flag(name: str, pfn: int, boot: str = "first", **changes: object) -> BadPage:
    return bad_page(
        **{
            "boot": boot,
            "pfn": pfn,
            "page": None,
            "page_phys": None,
            "triggered": (Trigger("flags", "0x8", (name,)),),
        }
        | changes
    )


def test_the_same_flag_of_several_struct_pages_is_software() -> None:
    found = verdict(one_flag("uptodate", 0x7F0A8), one_flag("uptodate", 0x52E54))
    assert getattr(found, "cause", "") == "software"


def test_struct_pages_at_another_offset_cannot_be_one_cell_in_any_boot() -> None:
    pages = [
        one_flag("uptodate", 0x7F0A8, page="0xffffea0001bca4c0"),
        one_flag("uptodate", 0x52E54, "second", page="0xffffea0001222260"),
    ]
    assert getattr(verdict(*pages), "cause", "") == "software"


def test_in_other_boots_a_cell_may_serve_other_frames() -> None:
    """Debian's 6.1 with three sizes of memory: 64 frames on, the offset in the page is the same."""
    words = ("0xfffffc0004000", *["0x0"] * 7)
    pages = [
        one_flag("uptodate", pfn, boot, words=words)
        for pfn, boot in ((0xA123, "a"), (0x12123, "b"), (0x1A123, "c"))
    ]
    assert getattr(verdict(*pages), "cause", "") == "unknown"


def test_a_rare_flag_of_several_pages_may_be_cells() -> None:
    pages = [one_flag("arch_1", 0x7F0A8), one_flag("arch_1", 0x52E54)]
    assert getattr(verdict(*pages), "cause", "") == "unknown"


def test_a_struct_page_at_one_address_that_moves_points_to_a_cell() -> None:
    """32 bits, lowmem, no physical address: boots by their frames."""
    pages = [one_flag("head", pfn, boot, page="0xef7fb260") for pfn, boot in ((1, "a"), (2, "b"))]
    found = verdict(*pages)
    assert getattr(found, "cause", "") == "unknown"
    assert "points to a cell" in " ".join(reasons(found))
    assert "memtest86+" in next_steps(found)[0]


@pytest.mark.parametrize(
    ("name", "changes", "code"),
    [
        ("private", {"private": "0xffff888066758690"}, "private"),
        ("slab", {"words": ("0x200", "0xfffffc0004108008")}, "slab"),
        ("slab", {"words": ()}, "slab"),
        ("reserved", {"lru": ("0xffffbf0000000008", "0xffffbf0000000008")}, "reserved"),
        ("reserved", {"words": ()}, "reserved"),
        ("lru", {"lru": ("0xffffea0000000008", "0xffffea0000000048")}, "on-lru"),
        ("mlocked", {"flag_names": ("uptodate", "swapbacked", "mlocked")}, "flag-in-use"),
    ],
)
def test_a_page_that_somebody_still_uses(name: str, changes: dict[str, object], code: str) -> None:
    found = verdict(one_flag(name, 1, path="free", **changes))
    assert isinstance(found, PageCorruption)
    assert found.cause == "software"
    assert code in {sign.code for sign in found.signs}
    assert found.confidence == ("low" if code == "flag-in-use" else "medium")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("private", {"private": "0x0"}),
        ("slab", {"words": ("0x200", "0xdead000000000100", "0xdead000000000122", "0x0")}),
        ("reserved", {"lru": ("0xdead000000000100", "0xdead000000000122")}),
        ("lru", {"lru": ("0xdead000000000100", "0xdead000000000122")}),
    ],
)
def test_the_flag_alone_is_one_wrong_bit(name: str, changes: dict[str, object]) -> None:
    assert getattr(verdict(one_flag(name, 1, path="free", **changes)), "cause", "") == "unknown"


@pytest.mark.parametrize(
    ("names", "code"), [(("buddy",), "double-free"), (("table",), "page-type")]
)
def test_page_types_are_no_wrong_bit(names: tuple[str, ...], code: str) -> None:
    found = verdict(bad_page(triggered=(Trigger("page_type", "0xf0000000", names),)))
    assert getattr(found, "cause", "") == "software"
    assert [sign.code for sign in found.signs] == [code]


@pytest.mark.parametrize(
    "changes",
    [
        {"flags": "0x78787878"},
        {"triggered": (Trigger("memcg", "0xe3e3e3e3", ()),)},
        {"words": ("0xfffffc0004000", "0x6b6b6b6b6b6b6b6b")},
    ],
)
def test_a_byte_pattern_is_said_with_its_value(changes: dict[str, object]) -> None:
    found = verdict(bad_page(**changes))
    assert getattr(found, "cause", "") == "software"
    (sign,) = [sign for sign in found.signs if sign.code == "pattern"]
    assert sign.value in ("0x78787878", "0xe3e3e3e3", "0x6b6b6b6b6b6b6b6b")
    assert any(sign.value in text and "neither a failing cell" in text for text in reasons(found))


def test_a_struct_page_that_was_never_set_up() -> None:
    zeros = ("0x0000000000000000",) * 8
    found = verdict(bad_page(words=zeros, triggered=(Trigger("mapcount", "0x1", ()),)))
    assert [sign.code for sign in found.signs] == ["uninitialised"]
    assert getattr(found, "cause", "") == "software"


def test_a_value_that_the_log_hides_is_no_evidence() -> None:
    found = verdict(bad_page(triggered=(Trigger("mapping", "", ()),)))
    assert getattr(found, "cause", "") == "unknown"
    assert "does not have the value" in " ".join(reasons(found))


def test_foreign_modules_are_named_and_are_no_evidence() -> None:
    found = verdict(bad_page(taint="G    B   OE"))
    assert getattr(found, "cause", "") == "unknown"
    assert "taint O" in " ".join(reasons(found))


@pytest.mark.parametrize(
    ("faults", "confidence"),
    [
        ([fault("memtest", address="0x1fa84000")], "high"),
        ([fault("edac", address="0x1fa84000", corrected=True)], "low"),
        ([fault("edac", address="0x1fa84000", corrected=True, count=9)], "medium"),
        ([fault("machine-check", address="0x1fa84040")], "medium"),
        ([fault("edac", address="0x1fa84000", boot=boot) for boot in ("a", "b")], "high"),
    ],
)
def test_what_the_hardware_reports_is_bad_ram(faults: list[MemoryFault], confidence: str) -> None:
    (found,) = verdicts_of(*faults)
    assert isinstance(found, RamCell)
    assert (found.cell, found.events, found.confidence) == (None, 0, confidence)
    assert "memmap=4K$0x1fa84000" in " ".join(next_steps(found))


@pytest.mark.parametrize("first", [True, False])
def test_a_machine_check_in_the_page_of_the_wrong_bit_makes_it_a_cell(first: bool) -> None:
    """Once is enough then: 0x1fa848c0 is the flags word."""
    check = fault("machine-check", address="0x1fa84880", label="DIMM_A1")
    (found,) = verdicts_of(*([check, bad_page()] if first else [bad_page(), check]))
    assert isinstance(found, RamCell)
    assert found.cell == Cell("0x1fa848c0", 14, "0x1fa848c1", 6)
    assert (found.events, found.confidence) == (1, "high")
    assert "DIMM_A1" in " ".join(reasons(found))


def test_a_cell_in_another_word_of_the_struct_page() -> None:
    """mapping is 24 bytes in, and 8 bytes long."""
    flipped = (Trigger("mapping", "0x4000000000", (), 24),)
    found = verdict(bad_page(triggered=flipped), replace(SECOND, triggered=flipped))
    assert isinstance(found, RamCell)
    assert found.cell == Cell("0x1fa848d8", 38, "0x1fa848dc", 6)
    assert found.confidence == "high"


def test_a_count_in_another_word_is_no_cell() -> None:
    counted = (Trigger("refcount", "0x1", (), 52),)
    found = verdict(bad_page(triggered=counted), replace(SECOND, triggered=counted))
    assert getattr(found, "cause", "") == "software"


def test_a_trace_of_ktrace_0_1_tells_earlier_boots() -> None:
    record = to_json(earlier_event(sighting_of(bad_page()), t=1.0))
    for name in ("names", "failed", "signs", "offset", "virtual", "owners"):
        del record[name]
    detector = BadPages()
    detector.feed(from_json(record | {"others": ["refcount 0x1"], "pattern": "text"}))
    (kept,) = detector.sightings
    assert kept.failed == (Trigger("refcount", "0x1", ()),)
    assert [sign.code for sign in kept.signs] == ["refcount", "text"]


def test_a_machine_check_elsewhere_explains_no_bad_page() -> None:
    kinds = {v.finding for v in verdicts_of(bad_page(), fault("machine-check", address="0x5000"))}
    assert kinds == {"ram-cell", "page-corruption"}


def test_an_error_without_an_address_is_no_place() -> None:
    assert verdicts_of(fault("machine-check")) == []


def test_one_wrong_bit_of_poison_is_a_question_of_the_memory() -> None:
    (found,) = verdicts_of(fault("slab", bits=1, expected="6b", found="4b"))
    assert getattr(found, "cause", "") == "unknown"
    assert "one wrong bit in freed slab memory" in " ".join(reasons(found))


def test_a_poison_that_is_one_less_may_be_a_put_after_the_free() -> None:
    """0x6b and 0x6a differ in one bit, too."""
    put = fault("slab", bits=1, expected="6b", found="6a")
    assert verdicts_of(put) == []
    (found,) = verdicts_of(put, bad_page())
    assert "decremented" in " ".join(reasons(found))


def test_overwritten_poison_beside_bad_pages_is_software() -> None:
    (found,) = verdicts_of(fault("slab", bits=30, expected="6b6b", found="0102"), bad_page())
    assert getattr(found, "cause", "") == "software"


def test_overwritten_poison_alone_is_no_verdict_on_pages() -> None:
    assert verdicts_of(fault("slab", bits=30)) == []


def test_a_bad_page_map_of_the_same_frame_is_told() -> None:
    (found,) = verdicts_of(fault("bad-page-map", pfn=0x12123, pte="0x8000000012123067"), bad_page())
    assert "page table maps page frame 0x12123" in " ".join(reasons(found))


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
        assert reasons(each)
        assert next_steps(each)

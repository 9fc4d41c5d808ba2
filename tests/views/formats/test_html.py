"""The parts of the page."""

from collections import Counter

import pytest

from ktrace.events import BadPage, Task, Trigger
from ktrace.findings import Blocker, StuckTask, Wait, WaitsFor
from ktrace.views.formats.html.axis import ticks
from ktrace.views.formats.html.cell_map import cell_map
from ktrace.views.formats.html.chain_graph import chain_graph
from ktrace.views.formats.html.flame import flame
from ktrace.views.formats.html.frame import frame
from ktrace.views.formats.html.histogram import histogram
from ktrace.views.formats.html.markup import Element, el, render
from ktrace.views.formats.html.page_words import page_words
from tests.views.formats.tame import assert_tame
from tests.views.hostile import sample

pytestmark = pytest.mark.unit


def texts(drawing: Element | None, tag: str = "title") -> list[str]:
    assert drawing is not None
    return [element.text or "" for element in drawing.iter(tag)]


def test_no_name_becomes_markup() -> None:
    hostile = "</title><script>alert(1)</script><b onclick=x>&\x1b[2J"
    page = frame(hostile, el("p", hostile, title=hostile, class_="x"))
    assert "<script>alert" not in page
    assert "\x1b" not in page
    page = frame(hostile, el("p", hostile))
    assert hostile.replace("\x1b", "\\x1b") in "".join(assert_tame(page).text)


def test_an_attribute_cannot_be_left() -> None:
    assert render(el("p", data_x='" onclick="x')) == '<p data-x="&quot; onclick=&quot;x"></p>'


def test_the_page_fetches_nothing() -> None:
    page = frame("x")
    assert "default-src 'none'" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "\t" not in page  # the output would escape it, and the policy's digest be wrong


def test_flame_graph() -> None:
    spent: Counter[tuple[str, ...]] = Counter({("a", "b"): 3, ("a", "c"): 1})
    assert texts(flame(spent)) == [
        "all: 4.0s, 100.0 %",
        "a: 4.0s, 100.0 %",
        "b: 3.0s, 75.0 %",
        "c: 1.0s, 25.0 %",
    ]
    assert flame(Counter()) is None


def test_histogram() -> None:
    drawing = histogram([("before", [12.0, 12.0]), ("after", [0.001])])
    assert "before: 2 of 2 kills" in texts(drawing)
    assert "after: 1 of 1 kill" in texts(drawing)
    assert histogram([("after", [])]) is None


def test_ticks_are_round() -> None:
    assert ticks(15.2) == [0, 2, 4, 6, 8, 10, 12, 14]
    assert ticks(0.5)[:2] == [0, 0.1]


def bad_page(**changes: object) -> BadPage:
    known: dict[str, object] = {
        "t": 1.0,
        "boot": "one",
        "by": Task(1, 1, "dd"),
        "pfn": 0xA123,
        "page": "0xffffea00002848c0",
        "page_phys": "0x1f6848c0",
        "flags": "0xfffffc0004000",
        "flag_names": ("private_2",),
        "fields": (),
        "refcount": 0,
        "mapcount": 0,
        "mapping": None,
        "memcg": None,
        "triggered": (Trigger("flags", "0x4000", ("private_2",)),),
        "path": "alloc",
        "reason": "",
        "stack": (),
        "words": ("0xfffffc0004000", "0xdead000000000100"),
    }
    return BadPage(**(known | changes))  # type: ignore[arg-type]


def test_the_offending_bit_is_marked() -> None:
    drawing = page_words(bad_page())
    wrong = [rect for rect in drawing.iter("rect") if "wrong" in rect.get("class", "")]
    assert [title.text for rect in wrong for title in rect.iter("title")] == ["bit 14: 1"]
    assert len([*drawing.iter("rect")]) == 2 * 64


def test_a_wrong_bit_beyond_the_first_word() -> None:
    trigger = Trigger("mapcount", "0x2", (), at=12)
    drawing = page_words(bad_page(triggered=(trigger,)))
    wrong = [rect for rect in drawing.iter("rect") if "wrong" in rect.get("class", "")]
    assert [title.text for rect in wrong for title in rect.iter("title")] == ["bit 33: 0"]


def test_a_word_that_is_not_known_is_not_drawn() -> None:
    """Damaged, or not in the log: an empty number in hexadecimal."""
    page_words(bad_page(words=("0x1", "", "0x2")))
    page_words(bad_page(words=(), flags=""))


def test_the_map_shows_a_boot_in_each_row() -> None:
    drawing = cell_map([bad_page(), bad_page(boot="two", pfn=0x12123)])
    assert texts(drawing, "text")[-2:] == ["one", "two"]
    assert len([title for title in texts(drawing) if "0x1f6848c0" in title]) == 2
    assert cell_map([bad_page(page_phys=None)]) is None


def stuck(tid: int, *blockers: Blocker, waits_for: WaitsFor | None = None) -> StuckTask:
    from dataclasses import replace

    task: StuckTask = sample(StuckTask, "x")
    return replace(
        task,
        pid=tid,
        tid=tid,
        wait=Wait("f", "mutex_lock", False),
        blocked_by=blockers,
        waits_for=waits_for,
    )


def test_chains_as_a_graph() -> None:
    lock = WaitsFor("mutex", "0x1", "a lock")
    holder = Blocker(7, 7, "holder", "uninterruptible", "g", "holds it")
    drawing = chain_graph([stuck(n, holder, waits_for=lock) for n in (1, 2)])
    assert drawing is not None
    assert "2 threads: x[1], x[2] x in f" in texts(drawing)
    assert "mutex: a lock " in texts(drawing)
    assert "holder[7] uninterruptible in g" in texts(drawing)
    assert len([*drawing.iter("path")]) == 2
    assert chain_graph([stuck(1)]) is None


def test_a_cycle_leads_back() -> None:
    back = Blocker(1, 1, "x", "uninterruptible", "f", "waits", cycle_to=1)
    lock = WaitsFor("mutex", "0x2", "another")
    holder = Blocker(
        7, 7, "holder", "uninterruptible", "g", "holds it", wait=lock, blocked_by=(back,)
    )
    drawing = chain_graph([stuck(1, holder)])
    assert drawing is not None
    kinds = [path.get("class") for path in drawing.iter("path")]
    assert kinds.count("edge cycle") == 1

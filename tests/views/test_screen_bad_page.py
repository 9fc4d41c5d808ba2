"""bad-page's screen: one cell over three boots, a module's bug, and every size of terminal."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace

import pytest
from rich.console import Console

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.bad_page import earlier_event, sighting_of
from ktrace.events import BadPage, Event, Task, Trigger
from ktrace.views.screen import ScreenView
from ktrace.views.screen_bad_page import BadPageBody
from tests.factories import session
from tests.views.golden import Golden

pytestmark = pytest.mark.unit

# As a Debian 6.1 guest reported it
FLIPPED = BadPage(
    t=109.8,
    boot="58d5bc8f-99a0-4899-abc8-7cbd18560b0b",
    kernel="6.1.0-56-cloud-amd64",
    by=Task(266, 266, "dd"),
    pfn=0xA123,
    page="0xffffea00002848c0",
    page_phys="0x1f6848c0",
    flags="0xfffffc0004002",
    flag_names=("referenced", "private_2"),
    fields=("node=0", "zone=1", "lastcpupid=0x1fffff"),
    refcount=0,
    mapcount=0,
    mapping="0x0",
    memcg="0x0",
    triggered=(Trigger("flags", "0x4000", ("private_2",)),),
    path="alloc",
    reason="PAGE_FLAGS_CHECK_AT_PREP flag(s) set",
    stack=("bad_page+0x1", "check_new_pages+0xab", "rmqueue_bulk+0x26d", "__alloc_pages+0x1dc"),
    words=(),
)
EARLIER = [
    earlier_event(sighting_of(replace(FLIPPED, t=t, boot=boot, pfn=pfn, by=Task(0, 0, comm))), 100)
    for t, boot, pfn, comm in ((9.0, "one", 0x12123, "cp"), (8.0, "two", 0x1A123, "awk"))
]
HOSTILE = replace(
    FLIPPED,
    t=111.0,
    by=Task(40, 41, "\x1b[2J[red]\u202ex"),
    pfn=None,
    page_phys=None,
    flags="0xfffffc0000000",
    flag_names=(),
    refcount=-1,
    mapping="0x6e75727265766f",
    triggered=(
        Trigger("refcount", "0xffffffff", ()),
        Trigger("mapping", "0x6e75727265766f", ()),
    ),
    path="",
    reason="\x1b[31mreason",
)


def console(width: int, height: int, colours: bool) -> Console:
    return Console(
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=True,
        color_system="standard" if colours else None,
        markup=False,
        highlight=False,
    )


def drawn(
    events: Iterable[Event], width: int = 80, height: int = 24, colours: bool = False
) -> list[str]:
    screen = console(width, height, colours)
    view = ScreenView(BadPageBody(), "recording to bad.ktrace", screen)
    analysis = Analysis(session(command="bad-page"))
    view.show(analysis)
    for event in events:
        analysis.feed(event)
    with screen.capture() as capture:
        screen.print(view.render(112.0))
    return capture.get().splitlines()


def test_80x24(golden: Golden) -> None:
    golden.check("screen_bad_page_80x24.txt", "\n".join(drawn([*EARLIER, FLIPPED])) + "\n")


def test_120x40(golden: Golden) -> None:
    text = "\n".join(drawn([*EARLIER, FLIPPED, HOSTILE], 120, 40)) + "\n"
    golden.check("screen_bad_page_120x40.txt", text)


def test_the_cell_is_named_from_earlier_boots() -> None:
    text = " ".join(" ".join(drawn([*EARLIER, FLIPPED])).split())
    assert "BAD RAM: bit 14 of the word at physical 0x1f6848c0" in text
    assert "3 bad pages in 3 boots" in text


def test_the_offending_bits_stand_out() -> None:
    lines = drawn([FLIPPED], colours=True)
    flags = next(line for line in lines if "0xfffffc0004002" in line)
    assert "\x1b[1;37;41mprivate_2\x1b[0m" in flags
    assert "41mreferenced" not in flags
    counts = next(line for line in drawn([HOSTILE], 120, 40, colours=True) if "mapcount" in line)
    assert "\x1b[1;37;41mrefcount -1\x1b[0m" in counts
    assert "41mmapcount" not in counts


def test_nothing_yet() -> None:
    text = "\n".join(drawn([]))
    assert "none yet" in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 132, 250])
@pytest.mark.parametrize("height", [12, 16, 24, 50])
def test_fits_every_terminal(width: int, height: int) -> None:
    many = [replace(FLIPPED, t=101.0 + i, pfn=i, page_phys=hex(i << 6)) for i in range(70)]
    lines = drawn([*EARLIER, FLIPPED, *many, HOSTILE], width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_a_hostile_name_stays_on_its_line() -> None:
    text = "\n".join(drawn([HOSTILE], 120, 40))
    assert "\x1b[2J" not in text
    assert "\u202e" not in text
    assert "\x1b[31m" not in text

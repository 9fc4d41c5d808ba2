"""The screen with keys: what each makes of a drawing."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event, Task
from ktrace.views.choice import _body
from ktrace.views.keys import Keys
from ktrace.views.screen import ScreenView
from tests.factories import kill, session, state, walk
from tests.views.runs import RESOLVED, STUCK
from tests.views.test_screen_all import ALL, LIVELOCK
from tests.views.test_screen_bad_page import FLIPPED

pytestmark = pytest.mark.unit

TASKS = [Task(100 + i, 100 + i, f"app{i}") for i in range(30)]
MANY: list[Event] = [
    *(kill(101.1, task) for task in TASKS),
    *(state(103.0, task) for task in TASKS),
    walk(103.001),
]


class Screen:
    """One that takes keys, without a terminal."""

    def __init__(self, command: str, events: list[Event], width: int = 80, height: int = 24):
        self._console = Console(
            file=io.StringIO(),
            width=width,
            height=height,
            force_terminal=True,
            color_system=None,
            highlight=False,
        )
        self.view = ScreenView(_body(command), "", self._console, Keys(0))
        self.analysis = Analysis(session(command=command))
        self.view.show(self.analysis)
        self.feed(events)

    def feed(self, events: list[Event]) -> None:
        for event in events:
            self.analysis.feed(event)

    def drawn(self, t: float = 105.0) -> str:
        with self._console.capture() as capture:
            self._console.print(self.view.render(t))
        return capture.get()

    def press(self, *keys: str, t: float = 105.0) -> str:
        """What is drawn then; as after each key."""
        for key in keys:
            self.view._press(key, t)
            self.drawn(t)
        return self.drawn(t)


@pytest.mark.parametrize("size", [(40, 20), (80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize("events", [[], STUCK, [*STUCK, *RESOLVED], MANY])
def test_every_key_leaves_a_screen_that_fits(size: tuple[int, int], events: list[Event]) -> None:
    screen = Screen("oom-hang", events, *size)
    keys = "down down enter pgdn end enter s s / x enter esc t pgdn t ? b ? p p home tab".split()
    for key in keys:
        lines = screen.press(key).splitlines()
        assert len(lines) == size[1]
        assert max(map(len, lines)) <= size[0]


def test_an_opened_task_tells_its_whole_stack() -> None:
    screen = Screen("oom-hang", STUCK, 100, 40)
    assert "    read_pages+0x1\n" not in screen.drawn()
    assert "    read_pages+0x1\n" in screen.press("enter")
    assert "    read_pages+0x1\n" not in screen.press("enter")


def test_an_opened_group_tells_its_members() -> None:
    screen = Screen("oom-hang", MANY, 100, 60)
    assert "app29[129]" in screen.press("enter")


def test_a_list_longer_than_the_screen_scrolls() -> None:
    screen = Screen("oom-hang", MANY)
    assert "lines 1-" in screen.drawn()
    assert "app29[129]" in screen.press("end")
    assert "30 stuck" in screen.drawn().splitlines()[2]


def test_a_filter() -> None:
    screen = Screen("oom-hang", MANY, 80, 50)
    shown = screen.press("/", *"app17")
    assert "/app17_" in shown
    assert "app17[117]" in shown
    assert "app3[103]" not in shown


def test_a_paused_display_stands_still_and_tells_losses() -> None:
    screen = Screen("oom-hang", STUCK)
    screen.drawn()
    screen.press("p", t=105.0)
    screen.feed(RESOLVED)
    later = screen.drawn(120.0)
    assert "PAUSED" in later
    assert "2 stuck, longest 4.0s" in later
    assert "nothing is stuck now" in screen.press("p", t=120.0)


@pytest.mark.parametrize("width", [80, 120])
def test_what_stays_on_the_terminal_fits_it(width: int) -> None:
    screen = Screen("oom-hang", [], width)
    for event in [*STUCK, *RESOLVED]:
        screen.view.event(event, screen.analysis.feed(event))
    with screen._console.capture() as capture:
        screen.view.end(screen.analysis.end())
    shown = capture.get().splitlines()
    (row,) = [line for line in shown if line.startswith("  appd[20] ")]
    assert "squashfs_cache_get" in row
    assert "SIGKILL" in row
    assert ("wait_event" in row) == (width > 80)
    assert max(map(len, shown)) <= width


def test_timelines() -> None:
    shown = Screen("oom-hang", STUCK, 100, 40).press("t")
    assert "OOM kills, the newest first" in shown
    assert "reaper woken" in shown


def test_what_programs_cost_is_not_measured_where_there_are_none() -> None:
    shown = Screen("oom-hang", []).press("b")
    assert "is not measured: " in shown
    assert "0.000%" not in shown


def test_of_several_problems_one_at_a_time() -> None:
    screen = Screen("record", ALL, 80, 40)
    assert "Bad pages  1" in screen.drawn()
    one = screen.press("tab")
    assert "2 stuck" in one
    assert "Bad pages  1" not in one
    assert "Bad pages  1" in screen.press("tab", "tab", "tab")


def test_the_only_problem_that_was_found_has_the_screen() -> None:
    shown = Screen("record", LIVELOCK).drawn()
    assert "OOM livelocks  1 now" in shown
    assert "none stuck after SIGKILL" in shown
    assert "Bad pages not measured" in shown


def test_a_body_that_is_no_list_scrolls() -> None:
    screen = Screen("bad-page", [FLIPPED], 80, 14)
    first = screen.drawn()
    assert screen.press(*["down"] * 3) != first
    assert screen.press("home").splitlines()[2:-2] == first.splitlines()[2:-2]

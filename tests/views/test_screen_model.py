"""What keys make of the screen, without drawing anything."""

import pytest

from ktrace.views.key_names import names
from ktrace.views.screen_model import COSTS, HELP, MAIN, TIMELINES, Cursor, ScreenModel

pytestmark = pytest.mark.unit

# a title, a head, two groups of which the first has three lines, a blank, title, head, four tasks
KEYS = ["", "", "g1", "g1", "g1", "g2", "", "", "", "t1", "t2", "t3", "t4"]


def model(keys: list[str] = KEYS, height: int = 6) -> ScreenModel:
    made = ScreenModel(listed=True)
    made.cursor.layout(keys, height)
    return made


def press(made: ScreenModel, *keys: str) -> ScreenModel:
    for key in keys:
        made.press(key)
    return made


def test_the_first_entry_is_selected_and_the_title_seen() -> None:
    cursor = model().cursor
    assert (cursor.key, cursor.selected, cursor.top) == ("g1", 2, 0)


def test_titles_are_passed_over() -> None:
    made = press(model(), *["down"] * 4)
    assert made.cursor.key == "t1"
    assert press(made, "up").cursor.key == "g2"


def test_the_cursor_stays_on_the_screen() -> None:
    made = model()
    for key in ["down"] * 12 + ["up"] * 12 + ["pgdn", "pgdn", "pgup", "end", "home"]:
        press(made, key)
        cursor = made.cursor
        assert cursor.selected is not None
        assert cursor.top <= cursor.selected < cursor.top + cursor.height


def test_page_down_and_end() -> None:
    assert press(model(), "pgdn").cursor.line == 9
    assert press(model(), "end").cursor.key == "t4"
    assert press(model(), "end", "home").cursor.top == 0


def test_a_cursor_that_nobody_moved_is_at_the_first() -> None:
    made = model(["", "t1"])
    made.cursor.layout(["", "t0", "t1"], 6)
    assert made.cursor.key == "t0"


def test_a_cursor_that_was_moved_stays_with_its_entry() -> None:
    made = press(model(["t1", "t2", "t3"]), "down")
    made.cursor.layout(["t3", "t4", "t5", "t2", "t1"], 3)
    assert (made.cursor.key, made.cursor.line, made.cursor.top) == ("t2", 3, 1)


def test_where_its_entry_has_gone_the_cursor_stays_where_it_was() -> None:
    made = press(model(["t1", "t2", "t3"]), "down")
    made.cursor.layout(["t1", "t3"], 3)
    assert made.cursor.key == "t3"
    made.cursor.layout([], 3)
    assert made.cursor.selected is None


def test_enter_opens_and_closes() -> None:
    made = press(model(), "enter")
    assert made.opened == {"g1"}
    assert press(made, "enter").opened == set()


def test_what_was_opened_is_scrolled_into_sight() -> None:
    made = press(model(["t1", "t2", "t3", "t4"], 4), "end", "enter")
    made.cursor.layout(["t1", "t2", "t3", "t4", "t4", "t4"], 4)
    assert (made.cursor.top, made.cursor.line) == (2, 3)
    made.cursor.layout(["t1", "t2", "t3", *["t4"] * 20], 4)
    assert made.cursor.line - made.cursor.top < 4


def test_sort_goes_round() -> None:
    made = model()
    assert [press(made, "s").sort for _ in range(4)] == ["count", "name", "function", "longest"]


def test_a_filter_is_typed() -> None:
    made = press(model(), "/", "s", "q", "space", "x", "backspace", "enter")
    assert (made.filter, made.typing, made.sort) == ("sq ", False, "longest")
    assert press(made, "esc").filter == ""
    assert press(made, "/", "a", "esc").filter == ""
    assert not made.typing


def test_pages() -> None:
    made = model()
    assert press(made, "?").page == HELP
    assert press(made, "t").page == TIMELINES
    assert press(made, "b").page == COSTS
    assert press(made, "b").page == MAIN
    assert press(made, "t", "esc").page == MAIN
    assert press(made, "?", "q").page == MAIN


def test_other_pages_scroll_by_lines() -> None:
    made = press(model(), "?")
    made.listed = False
    made.pager.layout(30, 10)
    assert press(made, "down", "pgdn").pager.top == 10
    assert press(made, "end").pager.top == 20
    assert press(made, "home").pager.top == 0


def test_pause() -> None:
    assert press(model(), "p").paused
    assert not press(model(), "p", "p").paused


def test_keys_without_a_meaning_are_for_others() -> None:
    made = model()
    assert not made.press("q")
    assert not made.press("left")
    assert Cursor().selected is None


def test_an_empty_list_takes_all_keys() -> None:
    made = model([])
    press(made, "up", "down", "pgdn", "end", "enter", "s")
    assert made.opened == set()


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ("q", ["q"]),
        ("\x1b[A\x1b[B\x1bOA", ["up", "down", "up"]),
        ("\x1b[5~\x1b[6~", ["pgup", "pgdn"]),
        ("\r\n\t \x7f", ["enter", "enter", "tab", "space", "backspace"]),
        ("\x1b", ["esc"]),
        ("\x1b[1;5Cx", ["x"]),  # Ctrl and an arrow
        ("\x1b[200~a\x1b[201~", ["a"]),  # bracketed paste
        ("\x00\x01ä", ["ä"]),
    ],
)
def test_names_of_keys(sent: str, keys: list[str]) -> None:
    assert names(sent) == keys

"""What is written to the terminal."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from ktrace.views.painter import Painter

pytestmark = pytest.mark.unit


def painter(width: int = 20, height: int = 4) -> tuple[Painter, io.StringIO, Console]:
    file = io.StringIO()
    console = Console(
        file=file, width=width, height=height, force_terminal=True, color_system="standard"
    )
    return Painter(console), file, console


def written(file: io.StringIO) -> str:
    text = file.getvalue()
    file.seek(0)
    file.truncate()
    return text


def test_the_terminal_is_given_back() -> None:
    paint, file, _ = painter()
    paint.begin()
    assert "\x1b[?1049h" in file.getvalue()
    paint.end()
    paint.end()
    assert file.getvalue().count("\x1b[?1049l") == 1
    assert "\x1b[?25h" in file.getvalue()


def test_only_what_has_changed_is_written() -> None:
    paint, file, _ = painter()
    paint.paint(Text("one\ntwo\nthree"))
    written(file)
    paint.paint(Text("one\n2\nthree"))
    assert written(file) == "\x1b[2;1H2\x1b[K"
    paint.paint(Text("one\n2"))
    assert written(file) == "\x1b[3;1H\x1b[J"
    paint.paint(Text("one\n2"))
    assert written(file) == ""


def test_the_first_line_alone() -> None:
    paint, file, _ = painter()
    assert not paint.paint_first(Text("head"))
    paint.paint(Text("one\ntwo"))
    written(file)
    assert paint.paint_first(Text("head", style="bold"))
    assert written(file) == "\x1b[H\x1b[1mhead\x1b[0m\x1b[K"
    paint.paint(Text("one\ntwo"))
    assert written(file) == "\x1b[1;1Hone\x1b[K"


def test_after_a_change_of_size_all_is_drawn_anew() -> None:
    paint, file, console = painter()
    paint.paint(Text("one\ntwo"))
    written(file)
    console.size = (30, 2)  # type: ignore[assignment]
    assert not paint.paint_first(Text("head"))
    paint.paint(Text("one\ntwo\nthree"))
    assert written(file) == "\x1b[H\x1b[2J\x1b[1;1Hone\x1b[K\x1b[2;1Htwo\x1b[K"

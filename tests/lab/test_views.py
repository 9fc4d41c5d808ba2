"""What the user's terminal gets."""

import io

import pytest

from ktrace.lab.views import LineView, ScreenView, Size

pytestmark = pytest.mark.unit


def test_lines_are_whole_and_marked() -> None:
    stream = io.BytesIO()
    view = LineView(stream)
    view.output(b"one\r\ntw")
    view.step("boot")
    view.output(b"o\nlast")
    view.close()
    lines = stream.getvalue().decode().splitlines()
    assert [lines[0].strip(), lines[2].strip(), lines[3].strip()] == ["| one", "| two", "| last"]
    assert lines[1].endswith(" s  boot")
    assert "\x1b" not in stream.getvalue().decode()


def test_the_guest_gets_all_rows_but_one() -> None:
    assert ScreenView(io.BytesIO(), Size(24, 80)).guest_size == Size(23, 80)


def test_steps_are_lines_until_the_guest_draws() -> None:
    stream = io.BytesIO()
    view = ScreenView(stream, Size(24, 80))
    view.step("boot")
    view.idle()
    assert b"\x1b" not in stream.getvalue()
    view.close()
    assert b"\x1b" not in stream.getvalue()


def test_the_status_row_waits_for_silence() -> None:
    stream = io.BytesIO()
    view = ScreenView(stream, Size(24, 80))
    view.output(b"\x1b[3")
    view.step("stall")
    assert stream.getvalue().endswith(b"\x1b[3")
    view.output(b"1m")
    view.idle()
    assert b"\x1b[24;1H" in stream.getvalue()
    assert b"stall" in stream.getvalue()
    size = len(stream.getvalue())
    view.idle()
    assert len(stream.getvalue()) == size


def test_the_status_row_is_never_wider_than_the_terminal() -> None:
    stream = io.BytesIO()
    view = ScreenView(stream, Size(24, 20))
    view.output(b"x")
    view.step("a step with a long name")
    view.idle()
    row = stream.getvalue().rpartition(b"\x1b[0;7m")[2].partition(b"\x1b[0m")[0]
    assert len(row) == 20


def test_the_terminal_is_given_back() -> None:
    stream = io.BytesIO()
    view = ScreenView(stream, Size(24, 80))
    view.output(b"\x1b[?1049h\x1b[?25l")
    view.close()
    end = stream.getvalue()
    for restored in (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[r"):
        assert restored in end

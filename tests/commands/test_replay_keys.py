"""ktrace replay on a terminal, worked with by keys."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.terminal import Terminal, terminal
from tests.tracer import LIMIT_S

pytestmark = pytest.mark.unit

TRACE = str(Path(__file__).parents[2] / "examples/squashfs-hang/squashfs-stall.ktrace.gz")
UP, DOWN, LEFT, RIGHT = "\x1b[A", "\x1b[B", "\x1b[D", "\x1b[C"


def end(running: Terminal, code: int) -> str:
    """What is left on the terminal."""
    running.press("q")
    running.drain()
    assert running.process.returncode == code
    assert running.is_as_before
    return running.shown.rpartition(b"\x1b[?1049l")[2].decode()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (40, 20)])
def test_to_the_finding_then_to_the_end_and_back(size: tuple[int, int]) -> None:
    columns, rows = size
    with terminal("replay", TRACE, rows=rows, columns=columns) as running:
        running.see("lost 0")
        running.press("n")
        running.see("hog[340] stuck for 1.1s")
        running.see("paused" if columns > 40 else "q: end")
        running.press(RIGHT)
        running.see("14 stuck")
        running.press(RIGHT, " ")
        running.see("nothing is stuck now; 14 were")
        running.press(LEFT)
        running.see("stuck, longest")
        assert all(len(line) <= columns for line in running.screen.lines)
        running.press(" ", RIGHT, RIGHT, " ")
        running.see("nothing is stuck now")
        if columns > 40:
            running.see("end  ")
        left = end(running, 1)
        for told in ("hog[340]", "reader[325]", "squashfs_cache_get", "killed by agent[510]"):
            assert told in left
        assert "verdict: found" in left
        assert "interrupted" not in left


def test_lists_and_pages() -> None:
    with terminal("replay", TRACE, rows=40, columns=120) as running:
        running.see("lost 0")
        running.press("n")
        running.see("hog[340] stuck for 1.1s")
        running.press("\r")
        running.see("    squashfs_cache_get+")
        running.press(RIGHT, "/reader\r")
        running.see("(reader)", gone="hog[340]  uninter")
        running.press("t")
        running.see("OOM kills, the newest first")
        running.press("b")
        running.see("A replay runs no BPF programs")
        running.press("?")
        running.see("to the next finding")
        running.press("q")
        running.see("(reader)")
        running.press("\x1b")
        running.see("/: filter  ")
        running.press("s")
        running.see("s: count")
        assert "verdict: found" in end(running, 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_terminal_is_given_back_however_it_ends(number: int) -> None:
    with terminal("replay", TRACE) as running:
        running.see("lost 0")
        running.press("ls\r?")
        running.see("stop and summarise; twice")  # it has arrived: a kworker passes it on
        running.process.send_signal(number)
        running.drain()
        assert running.is_as_before
        assert b"\x1b[?1049l" in running.shown
        assert b"\x1b[?25h" in running.shown


def test_where_it_stops_the_shell_has_its_terminal() -> None:
    with terminal("replay", TRACE) as running:
        running.see("lost 0")
        running.process.send_signal(signal.SIGTSTP)  # nobody could continue a session's leader:
        running.wait_for(b"\x1b[?1049l")  # the kernel does not stop it
        running.see("lost 0")
        running.press("?")
        running.see("stop and summarise; twice")
        running.press("q")
        end(running, 4)


@pytest.mark.parametrize("term", ["vt100", "dumb"])
def test_a_serial_console_takes_no_keys(term: str) -> None:
    with terminal("replay", "--speed", "0", TRACE, term=term) as running:
        running.drain()
        assert running.process.returncode == 1
        assert b"?: help" not in running.shown
        assert b"verdict: found" in running.shown


def test_without_a_key_it_ends_by_itself() -> None:
    with terminal("replay", "--speed", "1000", TRACE) as running:
        running.see("nothing is stuck now; 14 were")
        running.drain()
        assert running.process.returncode == 1


def test_in_the_background_the_terminal_is_left_alone() -> None:
    from ktrace.views.keys import Keys, keys_of_terminal

    assert keys_of_terminal() is None or os.isatty(0)
    keys = Keys(0)
    keys.give_back()
    assert keys.read() == []


def test_a_terminal_that_goes_away_ends_it() -> None:
    """Also without SIGHUP, and where nothing is drawn that would fail."""
    running = Terminal("replay", TRACE)
    running.see("lost 0")
    running.press(" ")
    running.see("paused")
    running.hang_up()
    assert running.process.wait(LIMIT_S) == 4  # nobody got the verdict

"""ktrace oom-hang on a terminal: the screen, Ctrl-C, a terminal that goes away."""

import signal
from pathlib import Path

import pytest

from tests import stuck_tasks
from tests.terminal import Terminal, terminal
from tests.tracer import LIMIT_S, ktrace

pytestmark = pytest.mark.kernel


def test_screen_then_summary_after_ctrl_c() -> None:
    with stuck_tasks.frozen_file_system() as frozen, terminal("oom-hang") as running:
        running.wait_for(b"stuck after SIGKILL")
        writer = frozen.writer()
        stuck_tasks.kill(writer.pid)
        running.wait_for(b"SIGKILL cannot end")
        running.process.send_signal(signal.SIGINT)
        running.drain()
        assert running.process.returncode == 1
        _, _, after = running.shown.rpartition(b"\x1b[?1049l")  # the screen is given back
        assert b"verdict: found" in after


def test_keys_while_tracing() -> None:
    with stuck_tasks.frozen_file_system() as frozen, terminal("oom-hang") as running:
        running.see("stuck after SIGKILL")
        writer = frozen.writer()
        stuck_tasks.kill(writer.pid)
        running.see("SIGKILL cannot end")
        name = f"[{writer.pid}]"
        running.see(name)
        running.press("\r")
        running.see("    vfs_write+")  # a line for each frame
        running.press("/no such name\r")
        running.see('0 with "no such name"', gone=f"{name}  unint")
        running.press("\x1b")
        running.see(name, gone="no such name")
        running.press("p")
        running.see("PAUSED")
        frozen.thaw()
        running.press("b")
        running.see("BPF programs in")
        running.see("PROGRAM")
        running.press("bp")
        running.see("dead by SIGKILL", gone="PAUSED")
        running.press("rm -rf x\rq")  # no shell ever gets that
        running.drain()
        assert running.process.returncode == 1
        assert running.is_as_before
        _, _, after = running.shown.rpartition(b"\x1b[?1049l")
        for told in (name.encode(), b"vfs_write", b"killed by", b"verdict: found"):
            assert told in after


def test_a_command_that_cannot_start_leaves_the_terminal_alone() -> None:
    with terminal("oom-hang", "--", "/nonexistent/command") as running:
        running.drain()
        assert running.process.returncode == 2
        assert b"\x1b[?1049h" not in running.shown
        assert b"cannot run /nonexistent/command" in running.shown


def test_the_commands_output_is_shown_after_the_screen() -> None:
    with terminal("oom-hang", "--", "echo", "from the command") as running:
        running.drain()
        _, _, after = running.shown.rpartition(b"\x1b[?1049l")
        assert b"from the command" in after


def test_what_was_recorded_is_kept_when_the_terminal_goes_away(tmp_path: Path) -> None:
    trace = tmp_path / "run.ktrace"
    running = Terminal("oom-hang", "--record", str(trace))
    running.wait_for(b"stuck after SIGKILL")
    running.hang_up()  # EIO at the next write: the recording goes on
    running.process.send_signal(signal.SIGHUP)  # as where it is the controlling terminal
    assert running.process.wait(LIMIT_S) == 4  # nobody got the verdict
    replayed = ktrace("replay", "--json", str(trace))
    assert replayed.returncode in (0, 1, 4)  # what others on this machine do is traced, too
    assert "without an end record" not in replayed.stdout


def test_keys_amid_a_flood() -> None:
    """Of kills, and then of threads that are stuck."""
    with stuck_tasks.frozen_file_system() as frozen, terminal("oom-hang") as running:
        running.see("stuck after SIGKILL")
        with stuck_tasks.program("flood", "kills", 4000, 2) as flood:
            running.press("?")
            running.see("open and close a group or a task")
            assert flood.stdout
            assert flood.stdout.readline().startswith(b"4000 ")
        running.press("?")
        running.see("stuck after SIGKILL", gone="open and close a group or a task")
        file = frozen.folder / "file1"
        with stuck_tasks.ready_program("flood", "stuck", 500, file) as flood:
            flood.kill()
            running.see(" stuck, longest")
            running.press("/no such name\r")
            running.see(' with "no such name"')
            running.press("\x1b")
            running.see(" vfs_write ", gone="no such name")
            frozen.thaw()
        running.press("q")
        running.drain()
        assert running.process.returncode == 1

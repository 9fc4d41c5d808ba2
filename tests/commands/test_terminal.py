"""ktrace oom-hang on a terminal: the screen, Ctrl-C, a terminal that goes away."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import stuck_tasks
from tests.tracer import KTRACE, LIMIT_S, ktrace

pytestmark = pytest.mark.kernel


class Terminal:
    """A pseudo terminal of 80x24 with ktrace on it."""

    def __init__(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [*KTRACE, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ | {"TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(slave)
        self.shown = b""

    def wait_for(self, text: bytes) -> None:
        end = time.monotonic() + LIMIT_S
        while text not in self.shown:
            assert time.monotonic() < end, self.shown[-2000:]
            self._read(0.1)

    def drain(self) -> None:
        """Read until the process has ended."""
        while self.process.poll() is None or self._read(0.1):
            self._read(0.1)

    def _read(self, timeout_s: float) -> bool:
        if not select.select([self.master], [], [], timeout_s)[0]:
            return False
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:  # EIO: nobody has the other side open
            return False
        self.shown += data
        return bool(data)


@contextmanager
def terminal(*arguments: str) -> Iterator[Terminal]:
    running = Terminal(*arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait(LIMIT_S)
        os.close(running.master)


def test_screen_then_summary_after_ctrl_c() -> None:
    with stuck_tasks.frozen_file_system() as frozen, terminal("oom-hang") as running:
        running.wait_for(b"Stuck after SIGKILL")
        writer = frozen.writer()
        stuck_tasks.kill(writer.pid)
        running.wait_for(b"SIGKILL cannot end")
        running.process.send_signal(signal.SIGINT)
        running.drain()
        assert running.process.returncode == 1
        _, _, after = running.shown.rpartition(b"\x1b[?1049l")  # the screen is given back
        assert b"verdict: found" in after


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
    running.wait_for(b"Stuck after SIGKILL")
    os.close(running.master)  # EIO at the next write: the recording goes on
    running.process.send_signal(signal.SIGHUP)  # as where it is the controlling terminal
    assert running.process.wait(LIMIT_S) == 4  # nobody got the verdict
    replayed = ktrace("replay", "--json", str(trace))
    assert replayed.returncode in (0, 1, 4)  # what others on this machine do is traced, too
    assert "without an end record" not in replayed.stdout

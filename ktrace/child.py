"""The user's COMMAND, run while ktrace traces, and the shell commands of --on-finding."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable

from ktrace.errors import UsageError

_KEPT_CHUNKS = 16
_CHUNK = 4096


def check_startable(command: tuple[str, ...]) -> None:
    """Before anything is attached: raises UsageError where there is no such program."""
    if command and shutil.which(command[0]) is None:
        raise UsageError(f"cannot run {command[0]}: no such program")


class Child:
    """COMMAND. output says where what it prints goes: "inherited": where ktrace's does; "stderr":
    all of it there, as stdout is JSON; "kept": its end is kept, as ktrace draws a screen."""

    def __init__(self, command: tuple[str, ...], setup: Callable[[], None], output: str) -> None:
        self._output: deque[bytes] = deque(maxlen=_KEPT_CHUNKS)
        self._pipe = -1
        stdout = stderr = None
        if output == "stderr":
            stdout = sys.stderr.fileno()
        elif output == "kept":
            self._pipe, stdout = os.pipe()
            stderr = stdout
            fcntl.fcntl(self._pipe, fcntl.F_SETFL, os.O_NONBLOCK)
        try:
            self._process = subprocess.Popen(
                command, stdout=stdout, stderr=stderr, preexec_fn=setup
            )
        except OSError as error:
            raise UsageError(f"cannot run {command[0]}: {error.strerror}") from None
        except subprocess.SubprocessError as error:
            raise UsageError(f"cannot run {command[0]}: {error}") from None
        finally:
            if stderr is not None:
                os.close(stderr)

    def ended(self) -> bool:
        """Has it? Also takes in what it has printed, so that it never waits for ktrace."""
        over = self._process.poll() is not None
        self._take_output()
        return over

    def last_lines(self) -> list[str]:
        """The end of what it printed, where that was kept."""
        text = b"".join(self._output).decode(errors="backslashreplace")
        return text.splitlines()[-20:]

    def _take_output(self) -> None:
        if self._pipe < 0:
            return
        try:
            while chunk := os.read(self._pipe, _CHUNK):
                self._output.append(chunk)
        except BlockingIOError:
            pass


def run_action(
    command: str, finding_json: str, setup: Callable[[], None]
) -> subprocess.Popen[bytes]:
    """--on-finding shell:COMMAND; it finds the finding in $KTRACE_FINDING."""
    return subprocess.Popen(
        ["/bin/sh", "-c", command],
        env=os.environ | {"KTRACE_FINDING": finding_json},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        preexec_fn=setup,
    )

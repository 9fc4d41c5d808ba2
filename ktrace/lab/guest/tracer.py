"""ktrace in the guest: started on the screen port, recording to the trace port."""

import json
import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from ktrace.lab.errors import GuestTimeout, LabError
from ktrace.lab.guest.guest import LINE_PORT, TRACE_PORT, TTY_PORT, Guest
from ktrace.lab.limits import PATIENCE_S
from ktrace.lab.relay import Relay
from ktrace.lab.tools import DETAIL_LINES, last_lines
from ktrace.lab.views import Size

KTRACE = ("python3", "-m", "ktrace")
ENVIRONMENT = (
    "PYTHONPATH=/ktrace",
    "PYTHONDONTWRITEBYTECODE=1",
    "PYTHONUNBUFFERED=1",
    "TERM=vt220",  # a console at which nobody presses keys: the host does not pass them on
)
_POLL_S = 0.1
_STATUS = "/run/ktrace.status"


class Tracer:
    """One run of ktrace in the guest. `size` is that of its terminal, if it has one."""

    def __init__(
        self,
        guest: Guest,
        relay: Relay,
        command: Sequence[str],
        size: Size | None,
        start_s: float = PATIENCE_S,
    ) -> None:
        self._guest = guest
        self._relay = relay
        self._command = command
        self._size = size
        self._start_s = start_s

    @property
    def trace(self) -> Path:
        """The trace file, on the host."""
        return self._guest.machine.trace

    def start(self) -> None:
        """Start ktrace, and wait until its trace says that it is attached."""
        port = LINE_PORT if self._size is None else TTY_PORT
        command = ["spawn", "ktrace", port, "env", *ENVIRONMENT, *self._command]
        if self._size is not None:
            # By the one who holds it open: a closed hvc terminal forgets its size.
            rows, columns = map(str, self._size)
            command[3:3] = ["with-size", rows, columns]
        self._guest.check(shlex.join(command))
        deadline = time.monotonic() + self._start_s
        # The first line of a trace is the session, which names the probes that are attached.
        while b"\n" not in self.trace.read_bytes():
            self.check_alive()
            if time.monotonic() > deadline:
                raise GuestTimeout(f"ktrace recorded nothing within {self._start_s:.0f} s")
            time.sleep(_POLL_S)

    def stop(self) -> int:
        """Stop ktrace as Ctrl-C does; its exit status."""
        self.check_alive()
        self._guest.check("kill -INT $(cat /run/ktrace.pid)")
        self._guest.wait(f"[ -e {_STATUS} ]")
        status = int(self._guest.check(f"cat {_STATUS}"))
        # A crash of Python has the exit status that means "found".
        if not has_end(self.trace.read_bytes()):
            raise LabError(
                f"ktrace ended with status {status}, but its trace has no end",
                details=last_lines(self._relay.last_text(), DETAIL_LINES),
            )
        return status

    def close(self) -> None:
        """It goes with the guest."""

    def check_alive(self) -> None:
        """Raise if ktrace has ended already."""
        answer = self._guest.run(f"cat {_STATUS}")
        if answer.status == 0:
            raise LabError(
                f"ktrace ended early, with status {answer.output.strip()}",
                details=last_lines(self._relay.last_text(), DETAIL_LINES),
            )


def ktrace_command(verb: str, *options: str) -> tuple[str, ...]:
    """The command line of a ktrace that records to the trace port."""
    return (*KTRACE, verb, "--record", TRACE_PORT, *options)


def has_end(trace: bytes) -> bool:
    """Whether the trace's last line is the one that ktrace writes when it ends in order."""
    last = trace.rstrip(b"\n").rpartition(b"\n")[2]
    try:
        record = json.loads(last)
    except ValueError:
        return False
    return isinstance(record, dict) and record.get("kind") == "end"

"""ktrace-agent in the guest, and here the ktrace that reads what it writes."""

import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from ktrace.lab.errors import GuestTimeout, LabError
from ktrace.lab.guest.guest import LINE_PORT, TRACE_PORT, Guest
from ktrace.lab.guest.tracer import KTRACE, Tracer, has_end
from ktrace.lab.limits import PATIENCE_S
from ktrace.lab.relay import Relay
from ktrace.lab.tools import DETAIL_LINES, last_lines
from ktrace.lab.views import View

PROGRAM = "ktrace-agent"
_POLL_S = 0.1


class AgentTracer(Tracer):
    """The guest needs neither Python nor ktrace."""

    def __init__(
        self,
        guest: Guest,
        relay: Relay,
        command: Sequence[str],
        options: Sequence[str],
        view: View,
    ) -> None:
        """command: as for a ktrace in the guest; only its verb counts. options: of the one here."""
        super().__init__(guest, relay, command, None)
        self._options = options
        self._verb = command[len(KTRACE)]
        self._view = view
        self._process: subprocess.Popen[bytes] | None = None
        self._shown: Relay | None = None
        self._output: socket.socket | None = None

    def start(self) -> None:
        """Start both, and wait until the trace says that the agent is attached."""
        self._output, far = socket.socketpair()
        log = self._guest.machine.console.with_name("ktrace.log")
        self._shown = Relay(self._output, self._view, log)
        self._shown.start()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ktrace", self._verb, "--from", "-", "--force"]
            + ["--record", str(self.trace), *self._options],
            stdin=self._guest.agent.fileno(),
            stdout=far.fileno(),
            stderr=far.fileno(),
            start_new_session=True,
        )
        far.close()
        self._guest.check(shlex.join(["spawn", "ktrace", LINE_PORT, PROGRAM, "-o", TRACE_PORT]))
        deadline = time.monotonic() + self._start_s
        while b"\n" not in self.trace.read_bytes():
            self.check_alive()
            if self._process.poll() is not None:
                raise LabError("ktrace ended early", details=self._last_lines())
            if time.monotonic() > deadline:
                raise GuestTimeout(f"the agent wrote nothing within {self._start_s:.0f} s")
            time.sleep(_POLL_S)

    def stop(self) -> int:
        """Stop the agent; ktrace ends with its stream. ktrace's exit status."""
        assert self._process is not None
        self.check_alive()
        self._guest.check("kill -TERM $(cat /run/ktrace.pid)")
        self._guest.wait("[ -e /run/ktrace.status ]")
        status = self._process.wait(PATIENCE_S)
        if self._shown is not None:
            self._shown.join()
        if not has_end(self.trace.read_bytes()):
            raise LabError(
                f"ktrace ended with status {status}, but its trace has no end",
                details=self._last_lines(),
            )
        return status

    def close(self) -> None:
        """End ktrace, should it still run."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._shown is not None and self._output is not None:
            self._shown.join()
            self._output.close()

    def _last_lines(self) -> str:
        text = self._shown.last_text() if self._shown else ""
        return last_lines(text, DETAIL_LINES)

"""The host's end of the guest's agent: send a command line, get its output and exit status."""

import socket
import time
from dataclasses import dataclass

from ktrace.lab.errors import GuestDied, GuestTimeout

READY = b"#ready\n"


@dataclass(frozen=True)
class Answer:
    """What a command in the guest printed (stdout and stderr), and how it ended."""

    output: str
    status: int


class Control:
    """A connection to the agent. Commands run one at a time, in the order they are sent."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""
        self._last_id = 0

    def wait_ready(self, timeout: float) -> None:
        """Wait for the agent to say that the guest is up."""
        deadline = time.monotonic() + timeout
        while READY not in self._received:
            self._receive(deadline, "the guest did not come up")
        self._received = self._received.partition(READY)[2]

    def run(self, command: str, timeout: float) -> Answer:
        """Run a shell command line in the guest."""
        if "\n" in command:
            raise ValueError("a command for the guest is one line")
        self._last_id += 1
        deadline = time.monotonic() + timeout
        self._send(f"{self._last_id} {command}\n".encode())
        while True:
            answer = self._take_answer()
            if answer is not None:
                return answer
            self._receive(deadline, f"the guest did not finish `{command}`")

    def _take_answer(self) -> Answer | None:
        """The answer to the last command, once it is complete."""
        marker = f"\n#done {self._last_id} ".encode()
        output, found, rest = self._received.partition(marker)
        status, end_of_line, rest = rest.partition(b"\n")
        if not found or not end_of_line:
            return None
        self._received = rest
        return Answer(_own_output(output).decode(errors="replace"), int(status))

    def _send(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except ConnectionError:
            raise GuestDied("the guest is gone") from None

    def _receive(self, deadline: float, complaint: str) -> None:
        remaining = deadline - time.monotonic()
        try:
            self._connection.settimeout(max(remaining, 0.001))
            data = self._connection.recv(65536)
        except TimeoutError:
            raise GuestTimeout(f"{complaint} in time") from None
        except ConnectionError:
            data = b""
        if not data:
            raise GuestDied("the guest went down")
        self._received += data


def _own_output(output: bytes) -> bytes:
    """Without the late answers to commands that the host gave up waiting for."""
    late, found, rest = output.rpartition(b"\n#done ")
    return rest.partition(b"\n")[2] if found else late + rest

"""QEMU's machine protocol: one JSON object per line, events in between the answers."""

import json
import socket
from typing import Any

from ktrace.lab.errors import GuestDied, GuestTimeout, LabError
from ktrace.lab.limits import PATIENCE_S


class Qmp:
    """A QMP connection; the first command waits for QEMU's greeting."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._connection.settimeout(PATIENCE_S)
        self._received = b""
        self._greeted = False

    def execute(self, command: str, **arguments: object) -> Any:
        """Run a command and give back what QEMU returned for it."""
        if not self._greeted:
            self._message()
            self._greeted = True
            self.execute("qmp_capabilities")
        request = {"execute": command, "arguments": arguments}
        self._connection.sendall(json.dumps(request).encode() + b"\n")
        return self._answer(command)

    def _answer(self, command: str) -> Any:
        while True:
            message = self._message()
            if "error" in message:
                raise LabError(f"QEMU refused {command}: {message['error'].get('desc', '')}")
            if "return" in message:
                return message["return"]

    def _message(self) -> dict[str, Any]:
        while b"\n" not in self._received:
            try:
                data = self._connection.recv(65536)
            except TimeoutError:
                raise GuestTimeout(f"QEMU did not answer within {PATIENCE_S:.0f} s") from None
            except ConnectionError:
                data = b""
            if not data:
                raise GuestDied("QEMU closed its control connection")
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        message = json.loads(line)
        if not isinstance(message, dict):
            raise LabError(f"QEMU sent no object: {line!r}")
        return message

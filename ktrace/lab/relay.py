"""Carries what the guest prints on its screen port to a view, and into a file."""

import select
import socket
import threading
from pathlib import Path

from ktrace.lab.views import View

_IDLE_S = 0.1
_LAST_BYTES = 4096


class Relay:
    """A thread that reads the guest's screen port until QEMU closes it."""

    def __init__(self, port: socket.socket, view: View, copy: Path) -> None:
        self._port = port
        self._view = view
        self._copy = copy
        self._last = b""
        self._thread = threading.Thread(target=self._run, name="lab-screen", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        """Wait for the end, which comes with that of QEMU."""
        self._thread.join()

    def last_text(self) -> str:
        """What was printed last."""
        return self._last.decode(errors="replace")

    def _run(self) -> None:
        with self._copy.open("wb") as copy:
            while True:
                if not select.select([self._port], [], [], _IDLE_S)[0]:
                    self._view.idle()
                    continue
                data = self._read()
                if not data:
                    return
                copy.write(data)
                self._last = (self._last + data)[-_LAST_BYTES:]
                self._view.output(data)

    def _read(self) -> bytes:
        try:
            return self._port.recv(65536)
        except ConnectionError:
            return b""

"""What ktrace tells systemd: the protocol of sd_notify(3), over the unix datagram socket."""

import os
import socket
from contextlib import suppress

_STATUS_S = 5.0  # between two lines of status


def service_socket(address: str) -> socket.socket:
    """To a unix datagram socket; "@" in front: in the abstract namespace. Raises OSError."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        connected.setblocking(False)
        connected.connect("\0" + address[1:] if address.startswith("@") else address)
    except OSError:
        connected.close()
        raise
    return connected


class Notifier:
    """Does nothing where ktrace is no service that systemd waits for."""

    def __init__(self, address: str, watchdog_us: str) -> None:
        """address: $NOTIFY_SOCKET. watchdog_us: $WATCHDOG_USEC, microseconds within which systemd
        wants to hear of ktrace."""
        self._socket: socket.socket | None = None
        with suppress(OSError):
            self._socket = service_socket(address) if address else None
        alive = int(watchdog_us) / 1e6 if watchdog_us.isdigit() else 0.0
        self._alive_s = alive / 3 if self._socket else 0.0
        self._alive_t = self._status_t = float("-inf")
        self._status = ""

    @classmethod
    def of_environment(cls) -> "Notifier":
        """And children of ktrace know nothing of it."""
        return cls(os.environ.pop("NOTIFY_SOCKET", ""), os.environ.pop("WATCHDOG_USEC", ""))

    def ready(self) -> None:
        self._send("READY=1")

    def alive(self, t: float, status: str) -> None:
        """Now and then, at time t."""
        if self._alive_s and t - self._alive_t >= self._alive_s:
            self._alive_t = t
            self._send("WATCHDOG=1")
        if status != self._status and t - self._status_t >= _STATUS_S:
            self._status, self._status_t = status, t
            self._send(f"STATUS={status}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str) -> None:
        if self._socket is not None:
            with suppress(OSError):  # systemd is busy, or starts itself again
                self._socket.send(text.encode(errors="replace"))

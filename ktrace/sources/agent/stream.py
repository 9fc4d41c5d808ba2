"""Where an agent's bytes come from: stdin, a file, a serial port, an agent that listens."""

import os
import select
import socket
import stat
import time

from ktrace.errors import UsageError
from ktrace.trace.connection import notice_death, parse_place
from ktrace.trace.output import address, is_connection, is_fifo
from ktrace.trace.serial_port import pass_bytes_on

_PIECE = 1 << 16
_CONNECT_S = 10.0
_FAILED_S = 0.05  # a wait that failed waits so long


class Stream:
    """Raises UsageError where it cannot be opened."""

    def __init__(self, place: str) -> None:
        """place: "-", tcp:HOST:PORT, or a path."""
        self.name = "stdin" if place == "-" else place
        try:
            self._fd = _open(place)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"cannot read {place}: {why}") from None
        self.whole = stat.S_ISREG(os.fstat(self._fd).st_mode)  # all of it is there already
        self._poll = select.poll()
        if not self.whole:
            self._poll.register(self._fd, select.POLLIN)

    def read(self, timeout_s: float, other: int | None = None) -> bytes | None:
        """What has come; b"" when nothing has in that time, or other can be read; None: no more
        will come."""
        if not self.whole and not self._wait(timeout_s, other):
            return b""
        try:
            return os.read(self._fd, _PIECE) or None
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError:  # the connection broke
            return None

    def _wait(self, timeout_s: float, other: int | None) -> bool:
        if other is not None:
            self._poll.register(other, select.POLLIN)
        try:
            ready = self._poll.poll(max(0.0, timeout_s) * 1000)
        except OSError:
            time.sleep(min(max(0.0, timeout_s), _FAILED_S))
            return False
        finally:
            if other is not None:
                self._poll.unregister(other)
        return any(fd == self._fd for fd, _ in ready)

    def close(self) -> None:
        os.close(self._fd)


def _open(place: str) -> int:
    if place == "-":
        if os.isatty(0):
            raise ValueError("stdin is a terminal: ssh BOARD ktrace-agent | ktrace ... --from -")
        return os.dup(0)
    if is_connection(place):
        connection = socket.create_connection(parse_place(address(place)), _CONNECT_S)
        connection.settimeout(None)
        notice_death(connection)
        return connection.detach()
    waits = 0 if is_fifo(place) else os.O_NONBLOCK  # for a writer; a port would for a modem
    fd = os.open(place, os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC | waits)
    if os.isatty(fd):
        pass_bytes_on(fd)
    return fd

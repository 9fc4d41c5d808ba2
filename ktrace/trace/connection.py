"""A trace that goes to another machine: what "tcp:HOST:PORT" names, on both sides.

The sender sends a trace and no more. When it has said that this was all, and the receiver has it on
its disk, the receiver answers CONFIRMED: nothing else proves that the trace is there.
"""

import os
import re
import socket
from contextlib import suppress

from ktrace.trace.output import address

_PLACE = re.compile(r"(?:(?:\[([^\]]+)\]|([^:\[\]]+)):)?(\d{1,5})")
_ADDRESS = re.compile(r"(\[[^\]]+\]|[^:\[\]]+):\d{1,5}")
_IDLE_S, _INTERVAL_S, _PROBES = 10, 5, 3  # a machine that died sends no end: asked, it is silent
CONFIRMED = b"synced\n"
LOOPBACK = "127.0.0.1"


def parse_place(text: str) -> tuple[str, int]:
    """Of [HOST:]PORT; HOST may be [IPv6]. Raises ValueError."""
    found = _PLACE.fullmatch(text)
    if not found or int(found[3]) >= 1 << 16:
        raise ValueError(f"{text!r} is not [HOST:]PORT")
    return found[1] or found[2] or LOOPBACK, int(found[3])


def connect(path: str) -> int:
    """A descriptor that writes to the receiver at "tcp:HOST:PORT". Waits for the network. Raises
    ValueError where that is no address, OSError."""
    place = address(path)
    if not _ADDRESS.fullmatch(place):
        raise ValueError("it is not tcp:HOST:PORT")
    connection = socket.create_connection(parse_place(place))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    notice_death(connection)
    return connection.detach()


def confirmed(fd: int) -> bool:
    """All is sent: whether the receiver says that it has it. Waits for that."""
    with socket.socket(fileno=os.dup(fd)) as connection:
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while found := connection.recv(len(CONFIRMED)):
            answer += found
        return answer == CONFIRMED


def notice_death(connection: socket.socket) -> None:
    """Reading and writing fail when the other machine is silent for half a minute."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    tcp = socket.IPPROTO_TCP
    connection.setsockopt(tcp, socket.TCP_KEEPIDLE, _IDLE_S)
    connection.setsockopt(tcp, socket.TCP_KEEPINTVL, _INTERVAL_S)
    connection.setsockopt(tcp, socket.TCP_KEEPCNT, _PROBES)
    with suppress(OSError):
        after_ms = (_IDLE_S + _INTERVAL_S * _PROBES) * 1000
        connection.setsockopt(tcp, socket.TCP_USER_TIMEOUT, after_ms)

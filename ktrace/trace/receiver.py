"""ktrace receive: a trace from a connection into a file, as durable as one that ktrace records."""

import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing

from ktrace.trace.connection import CONFIRMED, notice_death
from ktrace.trace.writer import CAPACITY
from ktrace.trace.writer_process import WriterProcess

_CHUNK = 64 << 10
_TICK_S = 0.1
_HEAD_S = 10.0  # in which a trace begins, or it is none
_CLOSE_S = 30.0
_HEAD = b'{"kind":"session"'
_END = b'{"kind":"end"'


def accept_trace(listener: socket.socket, stopped: Callable[[], bool]) -> socket.socket | None:
    """The first connection on which a trace begins; others are closed. None: stopped before."""
    while not stopped():
        if not select.select([listener], [], [], _TICK_S)[0]:
            continue
        connection, _ = listener.accept()
        if _begins(connection, stopped):
            notice_death(connection)
            return connection
        connection.close()
    return None


def _begins(connection: socket.socket, stopped: Callable[[], bool]) -> bool:
    until = time.monotonic() + _HEAD_S
    connection.settimeout(_TICK_S)
    while time.monotonic() < until and not stopped():
        try:
            head = connection.recv(len(_HEAD), socket.MSG_PEEK)
        except TimeoutError:
            continue
        except OSError:
            return False
        if head == _HEAD:
            return True
        if not head or not _HEAD.startswith(head):
            return False
        time.sleep(_TICK_S)  # a part of it: it stays readable
    return False


class Receiver:
    """bytes: received; complete: the trace has come with its end, and all is synced."""

    def __init__(self, process: WriterProcess) -> None:
        """process: has its file open already."""
        self.bytes = 0
        self.complete = False
        self.why = ""  # it is not complete
        self._process = process
        self._last = b""  # the line that has come last, as far as it has come
        self._whole = False

    def run(self, connection: socket.socket, stopped: Callable[[], bool]) -> None:
        """Until the sender ends, or is gone, or stopped() is true."""
        with closing(connection):
            for chunk in self._chunks(connection, stopped):
                self.bytes += len(chunk)
                self._follow(chunk)
                self._process.put(chunk)
                self._process.flush()
            self._process.end()
            self._process.wait(_CLOSE_S, "done")
            if self._process.state != "done":
                self.why = self._process.failure or self._process.why or "the disk does not answer"
            elif not self.why and not (self._last.startswith(_END) and self._whole):
                self.why = "the sender broke off"
            self.complete = not self.why
            if self.complete:
                self._confirm(connection)

    def _chunks(self, connection: socket.socket, stopped: Callable[[], bool]) -> Iterator[bytes]:
        connection.settimeout(_TICK_S)
        while True:
            self._process.flush()
            if stopped():
                self.why = "it was stopped here"
                return
            if self._process.state == "gone" or self._process.failure:
                return
            if self._process.waiting > CAPACITY:  # the disk is slow: then the sender has to wait
                time.sleep(_TICK_S)
                continue
            try:
                chunk = connection.recv(_CHUNK)
            except TimeoutError:
                continue
            except OSError as error:
                self.why = f"the sender is gone: {error.strerror or error}"
                return
            if not chunk:
                return
            yield chunk

    def _follow(self, chunk: bytes) -> None:
        """What the last line begins with is all that matters."""
        before = b"" if self._whole else self._last
        self._whole = chunk.endswith(b"\n")
        self._last = (before + chunk).removesuffix(b"\n").rpartition(b"\n")[2][:_CHUNK]

    def _confirm(self, connection: socket.socket) -> None:
        try:
            connection.sendall(CONFIRMED)
        except OSError:  # the sender did not wait: the trace is here all the same
            pass

"""From ktrace over a connection into a file: all of it, or it is said that it is not."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ktrace.errors import UsageError
from ktrace.trace.connection import parse_place
from ktrace.trace.writer import TraceWriter
from tests.trace.samples import END, RECORDS, SESSION, STATE, write, write_record
from tests.trace.test_writer import patient as patient

pytestmark = pytest.mark.unit

PATIENCE_S = 30


class Receive:
    """ktrace receive, and what it says."""

    def __init__(self, file: Path, *options: str) -> None:
        self.file = file
        command = [sys.executable, "-m", "ktrace", "receive", "0", "-o", str(file), *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr
        self.said = self.process.stderr.readline()
        self.port = int(self.said.split("127.0.0.1:")[1].partition(";")[0])

    def end(self) -> int:
        assert self.process.stderr
        self.said += self.process.stderr.read()
        return self.process.wait(PATIENCE_S)

    def send(self, data: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.sendall(data)
        return connection


@pytest.fixture
def receive(tmp_path: Path) -> Iterator[Receive]:
    receive = Receive(tmp_path / "received.ktrace")
    yield receive
    receive.process.kill()
    receive.process.wait()
    assert receive.process.stderr
    receive.process.stderr.close()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def written_and_ended(path: str) -> bool:
    writer = TraceWriter(path)
    for record in RECORDS:
        write_record(writer, record)
    return writer.close(PATIENCE_S)


def test_what_is_received_is_what_was_sent(receive: Receive, tmp_path: Path) -> None:
    assert written_and_ended(f"tcp:localhost:{receive.port}")
    assert receive.end() == 0
    assert written_and_ended(str(tmp_path / "written.ktrace"))
    assert receive.file.read_bytes() == (tmp_path / "written.ktrace").read_bytes()


def test_what_came_before_the_sender_died_is_there(receive: Receive, tmp_path: Path) -> None:
    write(tmp_path / "whole", RECORDS)
    data = (tmp_path / "whole").read_bytes()
    torn = data[: len(data) * 2 // 3]
    connection = receive.send(torn)
    wait_for(lambda: receive.file.stat().st_size == len(torn))  # while it is open
    connection.close()
    assert receive.end() == 4
    assert "the trace has no end: the sender broke off" in receive.said
    assert receive.file.read_bytes() == torn


def test_an_end_that_is_torn_is_none(receive: Receive, tmp_path: Path) -> None:
    write(tmp_path / "whole", RECORDS)
    receive.send((tmp_path / "whole").read_bytes()[:-1]).close()
    assert receive.end() == 4


def test_who_sends_no_trace_is_not_in_the_way(receive: Receive) -> None:
    receive.send(b"GET / HTTP/1.1\r\n").close()
    receive.send(b"").close()
    assert written_and_ended(f"tcp:127.0.0.1:{receive.port}")
    assert receive.end() == 0


def test_ctrl_c_says_what_is_there(receive: Receive, tmp_path: Path) -> None:
    write(tmp_path / "whole", RECORDS)
    data = (tmp_path / "whole").read_bytes().partition(b"\n")[0] + b"\n"
    with receive.send(data):
        wait_for(lambda: receive.file.stat().st_size == len(data))
        receive.process.send_signal(signal.SIGINT)
        assert receive.end() == 4
    assert "it was stopped here" in receive.said


def test_the_sender_does_not_trust_a_receiver_that_does_not_confirm() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        writer = TraceWriter(f"tcp:127.0.0.1:{listener.getsockname()[1]}")
        connection, _ = listener.accept()
        writer.write_session(SESSION)
        writer.write_end(END)
        writer.flush()
        with connection:
            while connection.recv(1 << 16):
                pass
        assert not writer.close(PATIENCE_S)
    assert "the receiver does not say that it has it all" in (writer.failure or "")


@pytest.mark.usefixtures("patient")
def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UsageError, match="Connection refused"):
        TraceWriter(f"tcp:127.0.0.1:{port}")


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("path", ["tcp:", "tcp:7000", "tcp:host:", "tcp:a:b:7000", "tcp:h:99999"])
def test_what_is_no_address(path: str) -> None:
    with pytest.raises(UsageError, match="PORT"):
        TraceWriter(path)


def test_places() -> None:
    assert parse_place("7000") == ("127.0.0.1", 7000)
    assert parse_place("[::1]:7000") == ("::1", 7000)
    assert parse_place("name:1") == ("name", 1)


def test_a_slow_receiver_holds_nobody_up() -> None:
    """What does not fit into the queue is dropped, and counted."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        writer = TraceWriter(f"tcp:127.0.0.1:{listener.getsockname()[1]}", capacity=1 << 20)
        with listener.accept()[0]:
            writer.write_session(SESSION)
            while not writer.dropped:
                writer.write_event(STATE)
                writer.flush()
            assert not writer.close(0.1)


def test_a_terminal_is_no_serial_port(tmp_path: Path) -> None:
    """Somebody looks at it: carriage returns stay."""
    far, near = os.openpty()
    try:
        assert written_and_ended(os.ttyname(near))
        assert b"\r\n" in os.read(far, 1 << 16)
    finally:
        os.close(far)
        os.close(near)

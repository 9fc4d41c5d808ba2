"""QEMU's machine protocol, with a fake QEMU."""

import json
import socket
from collections.abc import Iterator

import pytest

from ktrace.lab.errors import GuestDied, LabError
from ktrace.lab.guest.qmp import Qmp

pytestmark = pytest.mark.unit

Pair = tuple[Qmp, socket.socket]
HELLO = b'{"QMP": {"version": {}, "capabilities": []}}\r\n{"return": {}}\r\n'


@pytest.fixture
def pair() -> Iterator[Pair]:
    near, far = socket.socketpair()
    with near, far:
        yield Qmp(near), far


def sent(far: socket.socket) -> list[object]:
    return [json.loads(line) for line in far.recv(65536).splitlines()]


def test_capabilities_are_negotiated_once(pair: Pair) -> None:
    qmp, far = pair
    far.sendall(HELLO + b'{"return": {"running": true}}\r\n{"return": {}}\r\n')
    assert qmp.execute("query-status") == {"running": True}
    assert qmp.execute("stop") == {}
    commands = [command["execute"] for command in sent(far) if isinstance(command, dict)]
    assert commands == ["qmp_capabilities", "query-status", "stop"]


def test_arguments(pair: Pair) -> None:
    qmp, far = pair
    far.sendall(HELLO + b'{"return": {}}\r\n')
    qmp.execute("block_set_io_throttle", device="d", bps=1)
    assert sent(far)[-1] == {
        "execute": "block_set_io_throttle",
        "arguments": {"device": "d", "bps": 1},
    }


def test_events_are_passed_over(pair: Pair) -> None:
    qmp, far = pair
    far.sendall(HELLO + b'{"event": "STOP", "data": {}}\r\n{"return": 7}\r\n')
    assert qmp.execute("stop") == 7


def test_errors(pair: Pair) -> None:
    qmp, far = pair
    far.sendall(HELLO + b'{"error": {"class": "GenericError", "desc": "no such disk"}}\r\n')
    with pytest.raises(LabError, match="no such disk"):
        qmp.execute("block_set_io_throttle")


def test_qemu_is_gone(pair: Pair) -> None:
    qmp, far = pair
    far.close()
    with pytest.raises(GuestDied):
        qmp.execute("stop")

"""What systemd hears of `ktrace watch`: each datagram of sd_notify(3)."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ktrace.watch.notify import Notifier

pytestmark = pytest.mark.unit


class Manager:
    """In place of systemd."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        texts = []
        while True:
            try:
                texts.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return texts

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify"))
    yield made
    made.close()


def test_life_of_a_service(manager: Manager, tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "notify"), "30000000")
    notifier.ready()
    assert manager.heard() == ["READY=1"]
    for t in range(100, 131):
        notifier.alive(t, "1 task stuck" if t >= 111 else "0 tasks stuck")
    heard = manager.heard()
    assert heard.count("WATCHDOG=1") == 4  # three in its time
    assert [text for text in heard if text != "WATCHDOG=1"] == [
        "STATUS=0 tasks stuck",
        "STATUS=1 task stuck",
    ]
    notifier.stopping()
    assert manager.heard() == ["STOPPING=1"]
    notifier.close()


def test_without_a_watchdog(manager: Manager, tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "notify"), "")
    notifier.alive(100.0, "fine")
    assert manager.heard() == ["STATUS=fine"]
    notifier.close()


def test_abstract_address() -> None:
    manager = Manager("\0ktrace-test-notify")
    notifier = Notifier("@ktrace-test-notify", "")
    notifier.ready()
    assert manager.heard() == ["READY=1"]
    notifier.close()
    manager.close()


def test_manager_that_does_not_listen(manager: Manager, tmp_path: Path) -> None:
    """Its queue is full, or it is gone: ktrace goes on."""
    notifier = Notifier(str(tmp_path / "notify"), "1000000")
    for t in range(10_000):
        notifier.alive(t, "")
    manager.close()
    notifier.stopping()
    notifier.close()
    Notifier(str(tmp_path / "nobody"), "1000000").ready()


def test_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notifier = Notifier.of_environment()
    notifier.ready()
    notifier.alive(1.0, "fine")


def test_children_do_not_speak_for_ktrace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "@ktrace-test")
    monkeypatch.setenv("WATCHDOG_USEC", "1")
    Notifier.of_environment()
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & os.environ.keys()

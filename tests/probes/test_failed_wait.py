"""A wait for events that fails loses none."""

from types import SimpleNamespace
from typing import Any

import pytest

from ktrace.probes import libbpf_loader
from ktrace.probes.libbpf_loader import LibbpfLoader
from ktrace.probes.wake_up import WakeUp

pytestmark = pytest.mark.unit


class Failing:
    """select.poll() of a machine without memory."""

    def register(self, fd: int, what: int) -> None:
        pass

    def poll(self, timeout_ms: float) -> Any:
        raise OSError(12, "Cannot allocate memory")


def test_what_has_come_is_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("select.poll", Failing)
    loader = object.__new__(LibbpfLoader)
    loader._wake = WakeUp(3)
    loader._ring = None
    loader._received = []
    library = SimpleNamespace(
        ring_buffer__consume=lambda _: loader._received.append(("FATAL_SIGNAL", None)),
    )
    monkeypatch.setattr(libbpf_loader, "lib", lambda: library)
    assert loader.read(0.0) == [("FATAL_SIGNAL", None)]

"""A wait for events that fails loses none."""

from types import SimpleNamespace

import pytest

from ktrace.probes import libbpf_loader
from ktrace.probes.libbpf_loader import LibbpfLoader

pytestmark = pytest.mark.unit


def test_what_has_come_is_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """ring_buffer__poll() consumes nothing where epoll_wait() fails."""
    loader = object.__new__(LibbpfLoader)
    loader._wake = None
    loader._ring = None
    loader._received = []
    library = SimpleNamespace(
        ring_buffer__poll=lambda *_: -12,
        ring_buffer__consume=lambda _: loader._received.append(("FATAL_SIGNAL", None)),
    )
    monkeypatch.setattr(libbpf_loader, "lib", lambda: library)
    assert loader.read(0.0) == [("FATAL_SIGNAL", None)]

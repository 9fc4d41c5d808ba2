"""A loader with everything that it has sent, for kernel tests."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ktrace.findings import Probe
from ktrace.probes.libbpf_loader import LibbpfLoader
from ktrace.probes.loader import Loader
from tests.stuck_tasks import wait_until

KNOBS = {"stuck_after_ns": 10**9, "task_noload": 0x400}


class EventLog:
    """Events read so far, in order: (kind, ctypes structure of bpf/events.h)."""

    def __init__(self, loader: Loader, probes: list[Probe]) -> None:
        self.loader = loader
        self.probes = {probe.function: probe for probe in probes}
        self.events: list[tuple[str, Any]] = []

    def of(self, kind: str, tid: int) -> list[Any]:
        """Events of that kind about the thread, read so far."""
        return [event for name, event in self.events if name == kind and subject(event) == tid]

    def about(self, tids: set[int]) -> list[tuple[str, int]]:
        """(kind, tid) of the events about these threads, in order."""
        return [(name, subject(event)) for name, event in self.events if subject(event) in tids]

    def await_event(self, kind: str, tid: int) -> Any:
        """The first event of that kind about the thread."""

        def read() -> list[Any]:
            self.events += self.loader.read(0.05)
            return self.of(kind, tid)

        return wait_until(f"{kind} of {tid}", read)[0]

    def walk(self) -> dict[int, Any]:
        """The TASK_STATEs of a complete walk, by tid."""
        found, whole = self.loader.walk()
        assert whole
        states: dict[int, Any] = {}
        for kind, state in found:
            assert kind == "TASK_STATE"
            states[subject(state)] = state
        return states


def subject(event: Any) -> int:
    """The thread that an event is about."""
    for name in ("target", "task"):
        if hasattr(event, name):
            return int(getattr(event, name).tid)
    return int(getattr(event, "tid", 0))


def comm(task: Any) -> str:
    """Of a struct task."""
    return bytes(task.comm).partition(b"\0")[0].decode()


def stack(state: ctypes.Structure | Any) -> list[int]:
    """Addresses of a TASK_STATE's stack."""
    return list(state.stack[: state.stack_len])


@contextmanager
def event_log(**knobs: int) -> Iterator[EventLog]:
    """All probes attached until the end of the block."""
    loader = LibbpfLoader(KNOBS | knobs)
    try:
        yield EventLog(loader, loader.attach())
    finally:
        loader.close()

"""Fixtures of the tests of probes and loaders."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ktrace.kernel.symbols import Symbols
from ktrace.kernel.task_state import TaskStates
from ktrace.kernel.tracefs import tracepoint_format
from tests.event_log import EventLog, event_log


@pytest.fixture
def log() -> Iterator[EventLog]:
    """A loader with all its probes attached."""
    with event_log() as opened:
        yield opened


@pytest.fixture(scope="session")
def symbols() -> Symbols:
    """Of the running kernel."""
    return Symbols.of_kernel()


@pytest.fixture(scope="session")
def states(symbols: Symbols) -> TaskStates:
    """The state bits of the running kernel."""
    return TaskStates.from_format(
        tracepoint_format("sched", "sched_switch"), b" frozen\n" in _kallsyms()
    )


def _kallsyms() -> bytes:
    with open("/proc/kallsyms", "rb") as file:
        return file.read()

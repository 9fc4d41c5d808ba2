"""What a dying thread lets go of, on this machine's kernel."""

from __future__ import annotations

import pytest

from ktrace.events import ExitLeft, TaskState
from ktrace.sources.live.source import LiveSource
from tests.stuck_tasks import Process, ready_program, wait_until
from tests.waits.test_on_this_kernel import source as source

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize(
    ("what", "number", "most"),
    [
        ("files", 8000, 8001),
        ("pages", 64, 64 << 20 >> 12),
    ],
)
def test_what_is_left_gets_less(source: LiveSource, what: str, number: int, most: int) -> None:
    with ready_program("die_slowly", what, number) as process:
        process.kill()
        counts = [left.count for left in lefts(source, process, what)]
    assert counts == sorted(counts, reverse=True)
    assert 0 < counts[-1] < counts[0] <= most


def lefts(source: LiveSource, process: Process, what: str) -> list[ExitLeft]:
    """Two that differ, at least."""
    found: list[ExitLeft] = []

    def seen() -> bool:
        for event in source.finish():
            if isinstance(event, TaskState) and event.task.pid == process.pid:
                found.extend(left for left in event.exit_left if left.what == what)
        return len({left.count for left in found}) > 1

    wait_until(f"{what} of {process.pid} get less", seen)
    return found

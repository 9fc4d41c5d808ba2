"""What was read of a sleeper is told of that sleep alone."""

import pytest

from ktrace.sources.live.readings import Readings
from ktrace.waits.found import Found
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit

FIRST, SECOND, GONE = 0x1000, 0x2000, 0x3000
MUTEX = Found("mutex", 1, "", (), waiters=(FIRST, SECOND, GONE))


def test_who_has_slept_anew_since_the_walk_does_not_wait_for_it() -> None:
    """The second waits in the list now, and slept elsewhere when it was shown."""
    readings = Readings(lambda _: {FIRST: 7, SECOND: 9})
    readings.add(FIRST, MUTEX)
    assert readings.of(FIRST, 7) is MUTEX
    assert readings.of(SECOND, 8) is None
    assert readings.of(SECOND, 9) is MUTEX


def test_one_that_cannot_be_read_any_more() -> None:
    readings = Readings(lambda _: {FIRST: 7, SECOND: 9})
    readings.add(FIRST, MUTEX)
    assert GONE not in readings
    assert readings.of(GONE, 3) is None


def test_that_nothing_tells_is_known_too() -> None:
    readings = Readings(lambda _: {FIRST: 7})
    readings.add(FIRST, None)
    assert FIRST in readings
    assert readings.of(FIRST, 7) is None
    readings.clear()
    assert FIRST not in readings


def test_switches_are_the_voluntary_and_the_others() -> None:
    heap = Heap({"task_struct.nvcsw": 1800, "task_struct.nivcsw": 1808})
    task = heap.task(11, "reader")
    heap.put(task + 1800, 40)
    heap.put(task + 1808, 2)
    assert heap.kernel.switches([task, 0xFFFF888000000000]) == {task: 42}

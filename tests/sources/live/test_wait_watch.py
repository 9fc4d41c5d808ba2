"""Stacks that are read when there is no time for all of them."""

import pytest

from ktrace.events import Event, Lost, Task, TaskState, TaskWait
from ktrace.sources.live import wait_watch
from ktrace.sources.live.wait_watch import WaitWatch
from ktrace.waits.found import Found
from tests.factories import state

pytestmark = pytest.mark.unit


class FakeReader:
    """Every task waits for a mutex; each read takes 0.1 s of CPU."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.read_tids: list[int] = []

    def prepare(self) -> None: ...

    def begin(self) -> None:
        self.read_tids = []

    def read(self, _raw: object, sample: TaskState) -> Found:
        self.cpu_s += 0.1
        self.read_tids.append(sample.task.tid)
        return Found("mutex", 1, "", ())

    def close(self) -> None: ...


class FakeWalker:
    def follow(self, _marks: dict[int, int]) -> bool:
        return True

    def walk_marked(self, _mark: int) -> tuple[list[tuple[str, object]], bool]:
        return [], True

    def sample(self, _tids: list[int]) -> None: ...


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> FakeReader:
    made = FakeReader()
    monkeypatch.setattr(wait_watch.time, "thread_time", lambda: made.cpu_s)
    return made


def look(watch: WaitWatch, count: int = 8, switches: int = 7) -> list[Event]:
    """At tasks 1, 2, ..., each killed and asleep. There is time for five."""
    tasks = [state(1.0, Task(n, n, "app"), switches=switches) for n in range(1, count + 1)]
    return watch.look([(("TASK_STATE", None), task) for task in tasks], lambda: 2.0)


@pytest.fixture
def watch(reader: FakeReader) -> WaitWatch:
    def decode(_item: object) -> Event:
        raise AssertionError("nobody is walked a second time")

    return WaitWatch(FakeWalker(), reader, decode, everybody=False)


def losses(events: list[Event]) -> list[int]:
    return [event.count for event in events if isinstance(event, Lost)]


def test_who_was_left_out_is_read_first_the_next_time(watch: WaitWatch, reader: FakeReader) -> None:
    first = look(watch)
    assert [e.task.tid for e in first if isinstance(e, TaskWait)] == reader.read_tids
    assert losses(first) == [8 - len(reader.read_tids)]
    left = sorted(set(range(1, 9)) - set(reader.read_tids))
    look(watch)
    assert reader.read_tids[: len(left)] == left


def test_what_is_shown_in_between_takes_no_time_from_a_look(reader: FakeReader) -> None:
    def breathe() -> None:
        reader.cpu_s += 1.0

    watch = WaitWatch(FakeWalker(), reader, Event, everybody=False, breathe=breathe)
    look(watch)
    assert len(reader.read_tids) > 1


def test_who_was_never_read_comes_before_killed_ones_that_were(
    watch: WaitWatch, reader: FakeReader
) -> None:
    """Who holds what they wait for is often not killed: the chain would never get there."""
    tasks = [state(1.0, Task(n, n, "app"), switches=7) for n in range(1, 7)]
    tasks.append(state(1.0, Task(9, 9, "holder"), killed=(), switches=7))
    for _ in range(2):
        watch.look([(("TASK_STATE", None), task) for task in tasks], lambda: 2.0)
    assert 9 in reader.read_tids


def test_what_was_read_in_the_same_sleep_is_not_lost(watch: WaitWatch) -> None:
    look(watch)
    assert losses(look(watch)) == []
    assert losses(look(watch)) == []


def test_another_sleep_that_there_is_no_time_for_is_lost(watch: WaitWatch) -> None:
    look(watch)
    look(watch)
    assert losses(look(watch, switches=9))

"""When counts and looks become events."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ktrace.events import Event, OomActivity, OomDomain
from ktrace.probes.loader import OomCounts
from ktrace.sources.live.oom_watch import OomWatch
from tests.factories import activity, domain

pytestmark = pytest.mark.unit


class FakeLoader:
    """The kernel's counts: (cgroup, call) -> calls, time of the last."""

    def __init__(self) -> None:
        self.counts: dict[tuple[int, int], tuple[int, float]] = {}
        self.forgotten: list[tuple[int, int]] = []

    def oom_counts(self, seen: dict[tuple[int, int], int]) -> list[OomCounts]:
        return [
            OomCounts(*key, SimpleNamespace(calls=calls, last_t=int(t * 1e9)), ())
            for key, (calls, t) in self.counts.items()
            if calls > seen.get(key, 0)
        ]

    def forget_oom_counts(self, cgroup: int, call: int) -> None:
        self.forgotten.append((cgroup, call))
        del self.counts[cgroup, call]


class FakeLook:
    def __init__(self, **changes: object) -> None:
        self.changes = changes

    def look(self, t: float, memcg: str | None, cgroup_id: int | None) -> OomDomain:
        return domain(t, memcg=memcg, cgroup_id=cgroup_id, **self.changes)


def decode(t: float, counts: OomCounts) -> OomActivity:
    call = ("out_of_memory", "reclaim_retry_zone")[counts.call]
    memcg = f"/{counts.cgroup}" if counts.cgroup else None
    return activity(t, counts.domain.calls, call=call, memcg=memcg, cgroup_id=counts.cgroup)


@pytest.fixture
def loader() -> FakeLoader:
    return FakeLoader()


@pytest.fixture
def watch(loader: FakeLoader) -> OomWatch:
    untyped: Any = loader
    look: Any = FakeLook()
    return OomWatch(untyped, decode, look)


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events]


def test_nothing_is_told_of_nothing(watch: OomWatch) -> None:
    assert list(watch.read(1.0)) == []


def test_new_calls_are_told_and_looked_at(loader: FakeLoader, watch: OomWatch) -> None:
    loader.counts[(7, 0)] = (3, 0.9)
    looked, counted = watch.read(1.0)
    assert isinstance(counted, OomActivity)
    assert isinstance(looked, OomDomain)
    assert (counted.calls, counted.memcg, looked.memcg) == (3, "/7", "/7")
    assert looked.cgroup_id == 7


def test_the_end_is_told_for_a_while_then_no_more(loader: FakeLoader, watch: OomWatch) -> None:
    loader.counts[(7, 0)] = (3, 0.9)
    list(watch.read(1.0))
    assert names(list(watch.read(1.5))) == []
    assert names(list(watch.read(3.0))) == ["oom_activity"]
    assert names(list(watch.read(6.5))) == ["oom_activity", "oom_domain"]
    assert names(list(watch.read(7.5))) == []


def test_a_few_retries_of_reclaim_are_not_looked_at(loader: FakeLoader, watch: OomWatch) -> None:
    loader.counts[(0, 1)] = (50, 0.9)
    assert names(list(watch.read(1.0))) == ["oom_activity"]
    loader.counts[(0, 1)] = (500, 1.9)
    assert names(list(watch.read(2.0))) == ["oom_domain", "oom_activity"]


def test_looks_take_a_small_part_of_the_time(
    loader: FakeLoader, watch: OomWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 10.5, 20.0, 20.5, 30.0, 30.5])  # each look takes half a second
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    told = []
    for t in range(1, 22):
        loader.counts[(7, 0)] = (t, float(t))
        told += names(list(watch.read(float(t))))
    assert told.count("oom_domain") == 3


def test_a_look_that_could_read_nothing_is_not_told(loader: FakeLoader) -> None:
    untyped: Any = loader
    look: Any = FakeLook(memory=(), limit_kib=None)
    loader.counts[(7, 0)] = (3, 0.9)
    assert names(list(OomWatch(untyped, decode, look).read(1.0))) == ["oom_activity"]


def test_a_domain_that_is_quiet_makes_room(loader: FakeLoader, watch: OomWatch) -> None:
    """A service that is started again has another cgroup each time: the table has room for 256."""
    for t in range(1, 2000):
        loader.counts[(t, 0)] = (3, t - 0.1)
        list(watch.read(float(t)))
        assert len(loader.counts) < 70
    assert loader.forgotten[:2] == [(1, 0), (2, 0)]


def test_what_was_forgotten_is_counted_from_nothing(loader: FakeLoader, watch: OomWatch) -> None:
    loader.counts[(7, 0)] = (30, 0.9)
    list(watch.read(1.0))
    list(watch.read(70.0))
    assert loader.counts == {}
    loader.counts[(7, 0)] = (2, 70.9)
    _, counted = watch.read(71.0)
    assert isinstance(counted, OomActivity)
    assert counted.calls == 2

"""When a live source looks at all tasks."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ktrace.events import CacheState, Event, FatalSignal, TaskWait, Walk
from ktrace.sources.live import source as live
from ktrace.sources.live.source import LiveSource, now
from tests.factories import task_wait
from tests.squashfs import cache_use, counts

pytestmark = pytest.mark.unit


def fatal_signal() -> tuple[str, Any]:
    """As a loader gives it: a struct of bpf/events.h."""
    task = SimpleNamespace(pid=7, tid=7, comm=b"appd\0")
    event = SimpleNamespace(t=int(now() * 1e9))
    raw = SimpleNamespace(event=event, by=task, target=task, signal=9, group=1, si_code=0)
    return ("FATAL_SIGNAL", raw)


class FakeLoader:
    """Has what is put into `ready`; what is in `during_walk` comes while tasks are walked."""

    name = "fake"

    def __init__(self) -> None:
        self.ready: list[tuple[str, Any]] = []
        self.during_walk: list[tuple[str, Any]] = []

    def read(self, timeout_s: float) -> list[tuple[str, Any]]:
        taken, self.ready = self.ready, []
        return taken

    def walk(self) -> tuple[list[tuple[str, Any]], bool]:
        self.ready += self.during_walk
        self.during_walk = []
        return [], True

    def __getattr__(self, name: str) -> Any:
        answers: dict[str, Any] = {"attach": [], "follow_modules": [], "oom_counts": [], "lost": {}}
        return lambda *_: answers.get(name)


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> FakeLoader:
    made = FakeLoader()
    monkeypatch.setattr(live, "make_loader", lambda *_: made)
    return made


def test_what_is_not_needed_to_attach_comes_after_it(
    loader: FakeLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes longer than attaching; and the kernel's types are let go last."""
    order: list[str] = []
    for name in ("attach", "forget_types"):
        monkeypatch.setattr(
            loader, name, lambda *_, name=name: order.append(name) or [], raising=False
        )
    monkeypatch.setattr(live, "wait_watch", lambda *_: order.append("waits") or (None, ""))
    source = LiveSource(stuck_after=1.0)
    assert order == ["attach", "waits", "forget_types"]
    assert source.attaching_t <= source.attached_t <= now()


@pytest.mark.parametrize("when", ["ready", "during_walk"])
def test_walks_again_when_stuck_after_has_passed_since_a_kill(
    loader: FakeLoader, when: str
) -> None:
    """Also when the kill came while the first walk had passed its target already."""
    source = LiveSource(stuck_after=0.05)
    getattr(loader, when).append(fatal_signal())
    first = list(source.read(0))
    assert any(isinstance(event, FatalSignal) for event in first)
    assert isinstance(first[-1], Walk)
    until = now() + 2
    while now() < until:
        if any(isinstance(event, Walk) for event in source.read(0)):
            break
    else:
        pytest.fail("no second walk: the next one is in ten seconds")


def test_no_second_walk_while_nobody_is_killed(loader: FakeLoader) -> None:
    source = LiveSource(stuck_after=0.05)
    assert any(isinstance(event, Walk) for event in source.read(0))
    until = now() + 0.3
    while now() < until:
        assert not any(isinstance(event, Walk) for event in source.read(0))


def test_what_came_is_told_before_the_next_look(
    loader: FakeLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which may be long: a crash in the middle of it costs nothing that came before."""
    looks: list[str] = []
    monkeypatch.setattr(loader, "walk", lambda: (looks.append("walk") or [], True))
    monkeypatch.setattr(loader, "oom_counts", lambda _: looks.append("oom") or [], raising=False)
    monkeypatch.setattr(live, "LOSS_CHECK_S", 0.0)
    source = LiveSource(stuck_after=1.0)
    loader.ready.append(fatal_signal())
    told = source.read(0)
    assert isinstance(next(told), FatalSignal)
    assert looks == []
    assert isinstance(next(told), Walk)
    assert looks == ["walk"]
    loader.ready.append(fatal_signal())  # while all tasks were looked at
    assert isinstance(next(told), FatalSignal)
    assert looks == ["walk"]
    list(told)
    assert looks == ["walk", "oom"]


@pytest.mark.parametrize(("when", "walks"), [("during_walk", 2), (None, 1)])
def test_who_is_killed_at_the_very_end_is_looked_at_again(
    loader: FakeLoader, when: str | None, walks: int
) -> None:
    source = LiveSource(stuck_after=0.05)
    if when:
        getattr(loader, when).append(fatal_signal())
    last = source.finish()
    assert sum(isinstance(event, Walk) for event in last) == walks


def test_a_walk_ends_before_what_happens_while_its_looks_are_decoded(loader: FakeLoader) -> None:
    """Else one who died then would be told to be stuck still."""
    kind, later = fatal_signal()
    later.event.t += 10**9
    loader.during_walk.append((kind, later))
    walk, signal = LiveSource(stuck_after=0.05).read(0)
    assert isinstance(walk, Walk)
    assert isinstance(signal, FatalSignal)


def test_what_a_walk_found_of_wait_chains_comes_before_its_end(
    loader: FakeLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the finding that opens at that walk has no chain."""

    def look(_raw: object, when: Callable[[], float]) -> list[Event]:
        return [task_wait(when())]

    watch = SimpleNamespace(look=look, dying=lambda _walked: [])
    monkeypatch.setattr(live, "wait_watch", lambda *_: (watch, ""))
    wait, walk = LiveSource(stuck_after=0.05).read(0)
    assert isinstance(wait, TaskWait)
    assert isinstance(walk, Walk)


@pytest.mark.parametrize(("waiting", "walks"), [(0, 1), (2, 2)])
def test_looks_at_those_who_wait_for_a_cache_of_squashfs(
    loader: FakeLoader, monkeypatch: pytest.MonkeyPatch, waiting: int, walks: int
) -> None:
    """They sleep for milliseconds: the look every ten seconds would see none of them."""
    monkeypatch.setattr(live, "LOSS_CHECK_S", 0.0)
    state = CacheState(in_use=3, pending=0, waited_for=0, waiting=waiting)
    source = LiveSource(stuck_after=1.0)
    busy = [[counts(now(), cache_use(state=state))]]
    monkeypatch.setattr(source._squashfs, "read", lambda _t: busy.pop() if busy else [])
    found = [event for _ in range(3) for event in source.read(0)]
    assert sum(isinstance(event, Walk) for event in found) == walks

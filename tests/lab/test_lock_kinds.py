"""The order of the recipe, against a guest that only takes notes; what it takes for seen."""

import json

import pytest

from ktrace.lab.scenario import Stage
from ktrace.lab.scenarios import SCENARIOS, lock_kinds
from tests.lab.notes import NotingGuest

pytestmark = pytest.mark.unit


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(Stage, "give_time", lambda *_: True)
    played = Stage(NotingGuest())
    for step in SCENARIOS["lock-kinds"].steps:
        step.action(played)
    return played


def test_rcu_is_held_up_last_and_all_is_released(stage: Stage) -> None:
    guest = stage.guest
    assert isinstance(guest, NotingGuest)
    order = ["insmod", "echo mmap", "echo mutex", "kill -KILL", "echo rcu", "echo release"]
    places = [guest.first(words) for words in order]
    assert places == sorted(places)


def line(comm: str) -> bytes:
    return json.dumps({"event": "task_wait", "task": {"comm": comm}}).encode() + b"\n"


def test_it_is_seen_when_every_thread_is() -> None:
    lines = [line(comm) for comm in lock_kinds.THREADS]
    assert lock_kinds._is_seen(b"".join(lines))
    assert not lock_kinds._is_seen(b"".join(lines[1:]))
    assert not lock_kinds._is_seen(b"".join(lines)[:-3])  # the last is being written

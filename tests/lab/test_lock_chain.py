"""The order of the recipe, against a guest that only takes notes."""

import pytest

from ktrace.lab.scenario import Stage
from ktrace.lab.scenarios import SCENARIOS, lock_chain
from tests.lab.notes import NotingGuest

pytestmark = pytest.mark.unit


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(Stage, "wait_traced", lambda *_: None)  # there is no trace
    monkeypatch.setattr(Stage, "give_time", lambda *_: True)
    played = Stage(NotingGuest())
    for step in SCENARIOS["lock-chain"].steps:
        step.action(played)
    return played


def test_the_lock_is_held_before_anybody_waits_for_it(stage: Stage) -> None:
    guest = stage.guest
    assert isinstance(guest, NotingGuest)
    (holder,) = stage.pids[lock_chain.HOLDER]
    waiter = stage.pids[lock_chain.WAITERS][0]
    order = ["throttle workload 1", f"kill -USR1 {holder}", f"kill -USR1 {waiter}", "kill -KILL"]
    order.append("throttle workload 0")
    places = [guest.first(text) for text in order]
    assert places == sorted(places)


def test_only_waiters_are_killed(stage: Stage) -> None:
    assert isinstance(stage.guest, NotingGuest)
    killed = [note for note in stage.guest.notes if "kill -KILL" in note]
    assert killed == ["kill -KILL " + " ".join(map(str, stage.pids[lock_chain.WAITERS]))]


def test_it_is_held_until_the_whole_chain_is_in_the_trace() -> None:
    opened = b'{"kind":"finding","status":"open"}\n' * lock_chain.WAITER_COUNT
    assert not lock_chain._is_seen(opened)
    assert lock_chain._is_seen(opened + b'{"event":"task_wait","wait":"block-io"}\n')

"""The order of the recipe, against a guest that only takes notes."""

import pytest

from ktrace.lab.scenario import Stage
from ktrace.lab.scenarios import SCENARIOS, oom_deadlock
from tests.lab.notes import NotingGuest

pytestmark = pytest.mark.unit


def test_memory_ends_when_all_wait_for_the_mutex(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stage, "give_time", lambda *_: True)
    monkeypatch.setattr(oom_deadlock, "check_held", lambda *_: None)
    stage = Stage(NotingGuest())
    for step in SCENARIOS["oom-deadlock"].steps:
        step.action(stage)
    guest = stage.guest
    assert isinstance(guest, NotingGuest)
    (holder,) = stage.pids[oom_deadlock.HOLDER]
    victims = stage.pids[oom_deadlock.VICTIMS]
    assert len(victims) == oom_deadlock.VICTIM_COUNT
    order = [f"kill -USR1 {holder}", f"kill -USR1 {victims[0]}", "memory.max", "kill -USR2"]
    places = [guest.first(text) for text in [*order, "echo max"]]
    assert places == sorted(places)


def test_it_is_held_until_the_cycle_and_a_sample_are_in_the_trace() -> None:
    line = b'{"kind":"finding","finding":"stuck-task","blocked_by":[{"cycle_to":%s}]}\n'
    sample = b'{"kind":"event","event":"task_runs"}\n'
    assert not oom_deadlock.is_seen(line % b"null" + sample)
    assert not oom_deadlock.is_seen(line % b"332")
    assert oom_deadlock.is_seen(sample + line % b"332")

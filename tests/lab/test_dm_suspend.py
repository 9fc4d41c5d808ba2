"""The order of the recipe, against a guest that only takes notes."""

import pytest

from ktrace.lab.scenario import Stage
from ktrace.lab.scenarios import SCENARIOS, dm_suspend
from tests.lab.notes import NotingGuest

pytestmark = pytest.mark.unit


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(Stage, "give_time", lambda *_: True)
    played = Stage(NotingGuest())
    for step in SCENARIOS["dm-suspend"].steps:
        step.action(played)
    return played


def test_everything_is_started_before_the_device_is_suspended(stage: Stage) -> None:
    guest = stage.guest
    assert isinstance(guest, NotingGuest)
    started = [i for i, note in enumerate(guest.notes) if note.endswith("& echo $!")]
    suspended = guest.first("device_mapper suspend lab")
    assert max(started) < suspended < guest.first("kill -KILL")
    assert guest.first("kill -KILL") < guest.first("device_mapper resume lab")


def test_all_are_killed_but_the_holder(stage: Stage) -> None:
    assert isinstance(stage.guest, NotingGuest)
    killed = stage.guest.notes[stage.guest.first("kill -KILL")].split()[2:]
    (holder,) = stage.pids[dm_suspend.HOLDER]
    everybody = {str(pid) for pids in stage.pids.values() for pid in pids}
    assert everybody - set(killed) == {str(holder)}
    assert len(killed) == dm_suspend.KILLED_COUNT

"""The order of the recipe, against a guest that only takes notes."""

from __future__ import annotations

import pytest

from ktrace.lab.errors import LabError
from ktrace.lab.guest.guest import Guest
from ktrace.lab.scenario import Stage
from ktrace.lab.scenarios import SCENARIOS, oom_livelock

pytestmark = pytest.mark.unit


class NotingGuest(Guest):
    """Answers as a guest would in which the recipe works."""

    def __init__(self, calls: int = 4779, kills: int = 0, respawned: int = 30) -> None:
        self.notes: list[str] = []
        self.calls, self.kills, self.respawned = calls, kills, respawned

    def check(self, command: str, timeout: float = 0) -> str:
        self.notes.append(command)
        if command.endswith("/memory.events"):
            known = {"/ordinary/": 1, "/workers/": self.respawned}
            kills = next((n for name, n in known.items() if name in command), self.kills)
            return f"max 900\noom {self.calls}\noom_kill {kills}\n"
        if command.endswith("/proc/meminfo"):
            return "MemTotal:         245760 kB\n"
        if command.endswith("/proc/vmstat"):
            return "oom_kill 2\n"
        if "echo heir" in command:
            return "heir.300\n"
        if "echo twin" in command:
            return "twin.310\n"
        if "echo respawn" in command:
            return "respawn.320\n"
        return "hog.290\n" if "echo hog" in command else ""

    def first(self, text: str) -> int:
        return next(i for i, note in enumerate(self.notes) if text in note)


def play(guest: NotingGuest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oom_livelock, "FORM_S", 0)
    monkeypatch.setattr(Stage, "give_time", lambda *_: True)  # there is no trace
    stage = Stage(guest)
    for step in SCENARIOS["oom-livelock"].steps:
        step.action(stage)


def test_every_process_that_spins_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = NotingGuest()
    play(guest, monkeypatch)
    for pid in (300, 310, 320):
        assert guest.first(f"kill -USR1 {pid}") < guest.first(f"kill -KILL {pid}")
    assert not any("kill -KILL 290" in note for note in guest.notes), "the OOM killer ends it"
    assert guest.notes[-1].startswith("echo 8 ")


def test_the_machines_hog_is_twice_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = NotingGuest()
    play(guest, monkeypatch)
    assert any(" hog " in note and "/sys/fs/cgroup/. 480" in note for note in guest.notes)


def test_the_console_is_silent_before_anything_spins(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = NotingGuest()
    play(guest, monkeypatch)
    assert guest.first("echo 1 >/proc/sys/kernel/printk") < guest.first("kill -USR1")


@pytest.mark.parametrize(("calls", "kills"), [(10, 0), (4779, 1)])
def test_no_livelock_is_no_success(calls: int, kills: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match="no livelock has formed"):
        play(NotingGuest(calls, kills), monkeypatch)


def test_workers_that_live_are_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match="only 2 OOM kills"):
        play(NotingGuest(respawned=2), monkeypatch)

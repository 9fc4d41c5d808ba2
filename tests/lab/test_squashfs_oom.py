"""The natural hang: its steps, against a guest that only takes notes; and once in a guest."""

from pathlib import Path

import pytest

from ktrace.lab.errors import LabError
from ktrace.lab.guest.guest import Guest
from ktrace.lab.runner import run_scenario
from ktrace.lab.scenario import Stage
from ktrace.lab.scenarios.squashfs_oom import check_kills, squashfs_oom
from tests.tracer import ktrace


class NotingGuest(Guest):
    def __init__(self, oom_kills: int = 3) -> None:
        self.notes: list[str] = []
        self.oom_kills = oom_kills

    def check(self, command: str, timeout: float = 0) -> str:
        self.notes.append(command)
        if "oom_kill" in command:
            return f"oom_kill {self.oom_kills}\n"
        return "123\n" if command.endswith("& echo $!") else ""

    def throttle(self, disk: str, bytes_per_second: int) -> None:
        self.notes.append(f"throttle {disk} {bytes_per_second}")


@pytest.mark.unit
def test_the_disk_is_slow_before_anything_starts_and_fast_before_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Stage, "wait_traced", lambda *_: None)  # there is no trace
    guest = NotingGuest()
    stage = Stage(guest)
    for step in squashfs_oom(processes=5, disk_rate=700, seconds=0).steps:
        step.action(stage)
    slow, fast = (guest.notes.index(f"throttle workload {rate}") for rate in (700_000, 0))
    started = next(i for i, note in enumerate(guest.notes) if "supervise /workload 64 5" in note)
    assert slow < started < fast < guest.notes.index("kill -TERM 123")


@pytest.mark.unit
def test_without_an_oom_kill_the_scenario_has_not_come_about() -> None:
    check_kills(Stage(NotingGuest(oom_kills=1)))
    with pytest.raises(LabError, match="never so short"):
        check_kills(Stage(NotingGuest(oom_kills=0)))


@pytest.mark.vm
def test_victims_of_the_oom_killer_get_stuck(tmp_path: Path) -> None:
    trace = tmp_path / "oom.ktrace"
    result = run_scenario(squashfs_oom(seconds=45), output=trace)
    assert result.exit_code == 1
    report = ktrace("report", str(trace)).stdout
    assert "squashfs_cache_get  wait_event" in report
    assert "killed by the OOM killer for" in report

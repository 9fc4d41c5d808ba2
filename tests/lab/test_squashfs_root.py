"""ktrace on the squashfs that hangs: its steps, against a guest that only takes notes; and once in
a guest."""

import json
from pathlib import Path

import pytest

from ktrace.lab.errors import LabError
from ktrace.lab.guest.guest import Guest
from ktrace.lab.runner import run_scenario
from ktrace.lab.scenario import Stage
from ktrace.lab.scenarios.squashfs_root import check_ktrace, mount, note_faults, squashfs_root


class NotingGuest(Guest):
    """Two processes of ktrace, with such oom_score_adj and major faults."""

    def __init__(self, scores: str = "-1000\n-1000\n", faults: str = "40\n2\n") -> None:
        self.notes: list[str] = []
        self.scores, self.faults = scores, faults

    def check(self, command: str, timeout: float = 0) -> str:
        self.notes.append(command)
        return self.scores if "oom_score_adj; done" in command else self.faults


@pytest.mark.unit
def test_only_faults_of_the_shortage_count() -> None:
    guest = NotingGuest()
    stage = Stage(guest)
    note_faults(stage)
    guest.faults = "41\n4\n"
    check_ktrace(stage)
    assert stage.kept == {"major faults": 3}


@pytest.mark.unit
@pytest.mark.parametrize("scores", ["-1000\n0\n", "-1000\n", ""])
def test_who_may_be_killed_is_no_survivor(scores: str) -> None:
    stage = Stage(NotingGuest(scores))
    note_faults(stage)
    with pytest.raises(LabError, match="the OOM killer may kill ktrace"):
        check_ktrace(stage)


@pytest.mark.unit
def test_a_ktrace_that_is_gone_has_no_faults() -> None:
    with pytest.raises(LabError, match="not two processes"):
        note_faults(Stage(NotingGuest(faults="40\n")))


@pytest.mark.unit
def test_root_is_all_there_before_ktrace_starts() -> None:
    guest = NotingGuest()
    mount(Stage(guest))
    binds = [note for note in guest.notes if note.startswith("mount -o bind")]
    assert "mount -o bind /proc /workload/proc" in binds
    scenario = squashfs_root()
    assert scenario.own_root
    assert scenario.command[:2] == ("chroot", "/workload")


@pytest.mark.vm
def test_ktrace_waits_for_no_page_of_its_own_root(tmp_path: Path) -> None:
    """Nor does the process that writes its trace. For how long both were held up by the kernel,
    which has to find memory for them, too, is not tested: docs/how/dying-machine.md has numbers."""
    trace = tmp_path / "root.ktrace"
    result = run_scenario(squashfs_root(seconds=5), output=trace)
    assert result.exit_code == 1
    end = json.loads(trace.read_bytes().splitlines()[-1])
    assert end["lost_by"].keys() <= {"task_wait"}  # wait chains that there was no time for
    faults = result.kept["major faults"]
    assert faults == 0
    assert end["own"]["major_faults"] == 0

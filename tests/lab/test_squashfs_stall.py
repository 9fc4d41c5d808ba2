"""The order of the recipe, against a guest that only takes notes."""

import re
from pathlib import Path

import pytest

from ktrace.lab.errors import LabError
from ktrace.lab.guest.guest import Guest, Machine
from ktrace.lab.scenario import Stage
from ktrace.lab.scenarios import SCENARIOS, squashfs_stall, stalled_disk

pytestmark = pytest.mark.unit


class NotingGuest(Guest):
    """Answers as a guest would in which the recipe works; `places` is where waiters sleep."""

    memory_mb = 256

    def __init__(self, places: tuple[str, str] = ("0x2a7", "0x323")) -> None:
        self.notes: list[str] = []
        self.files: dict[int, str] = {}
        self.places = places
        nowhere = Path()
        self.machine = Machine(nowhere, nowhere, (), nowhere, nowhere, memory_mb=self.memory_mb)

    def check(self, command: str, timeout: float = 0) -> str:
        self.notes.append(command)
        if command.endswith("& echo $!"):
            pid = 100 + len(self.files)
            found = re.search(r"/workload/([a-d])\d", command)
            self.files[pid] = found[1] if found else ""
            return f"{pid}\n"
        status = re.search(r"/proc/(\d+)/status", command)
        return self.status(int(status[1])) if status else ""

    def status(self, pid: int) -> str:
        place = self.places[self.files[pid] == "d"]
        frame = f"[<0>] squashfs_cache_get+{place}/0x3c0 [squashfs]"
        return f"State:\tD (disk sleep)\nShdPnd:\t0000000000000100\n{frame}\n"

    def throttle(self, disk: str, bytes_per_second: int) -> None:
        self.notes.append(f"throttle {disk} {bytes_per_second}")

    def first(self, text: str) -> int:
        return next(i for i, note in enumerate(self.notes) if text in note)


def play(guest: NotingGuest, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(squashfs_stall, "HOLD_S", 0)
    monkeypatch.setattr(Stage, "wait_traced", lambda *_: None)  # there is no trace
    stage = Stage(guest)
    for step in SCENARIOS["squashfs-stall"].steps:
        step.action(stage)
    return stage


def test_everything_is_started_before_the_disk_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = NotingGuest()
    play(guest, monkeypatch)
    stall = guest.first("throttle workload 1")
    started = [i for i, note in enumerate(guest.notes) if note.endswith("& echo $!")]
    assert max(started) < stall < guest.first("kill -KILL") < guest.first("throttle workload 0")


def test_one_filler_is_left_alive_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = NotingGuest()
    stage = play(guest, monkeypatch)
    killed = guest.notes[guest.first("kill -KILL")].split()
    fillers = stage.pids[squashfs_stall.FILLERS]
    assert len(fillers) == 2
    assert not {str(pid) for pid in fillers} & set(killed)


def test_the_fillers_fill_the_whole_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = NotingGuest()
    stage = play(guest, monkeypatch)
    fillers = stage.pids[squashfs_stall.FILLERS] + stage.pids["killed filler"]
    assert sorted(guest.files[pid] for pid in fillers) == ["a", "b", "c"]


def test_waiters_all_in_one_place_are_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match="has not formed"):
        play(NotingGuest(places=("0x2a7", "0x2a7")), monkeypatch)


def test_a_group_fills_a_block_and_no_more() -> None:
    size = stalled_disk.FILE_KIB * stalled_disk.FILES_PER_GROUP
    assert size <= 256 < size + stalled_disk.FILE_KIB


def test_a_small_guest_has_a_small_hog(monkeypatch: pytest.MonkeyPatch) -> None:
    class Small(NotingGuest):
        memory_mb = 64

    for made, hog_mb, group_mb in ((NotingGuest(), 64, 80), (Small(), 4, 5)):
        play(made, monkeypatch)
        assert made.first(f"/workload/d6 {hog_mb};") < made.first("throttle workload 1")
        assert made.first(f"echo {group_mb}M >{squashfs_stall.CGROUP}/memory.max") > 0


def test_a_kernel_without_the_bug_is_no_failure_of_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fixed(NotingGuest):
        def status(self, pid: int) -> str:
            return super().status(pid).replace("100\n", "000\n")  # no SIGKILL is pending

    monkeypatch.setattr(squashfs_stall, "HOLD_S", 0)
    monkeypatch.setattr(Stage, "wait_traced", lambda *_: None)
    with pytest.raises(LabError, match="is not stuck after SIGKILL"):
        play(Fixed(), monkeypatch)
    stage = Stage(Fixed())
    for step in SCENARIOS["squashfs-stall"].steps_elsewhere:
        step.action(stage)

"""ktrace.live.pace, and how it is told."""

import mmap
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event
from ktrace.findings import OwnPace
from ktrace.live import pace
from ktrace.live.pace import Pace
from ktrace.views.json_lines import JsonLinesView
from ktrace.views.summary import summary_lines
from tests.factories import kill
from tests.live.fake import FakeRun, FakeSource
from tests.stuck_tasks import PATIENCE_S
from tests.trace.samples import END, SESSION

pytestmark = pytest.mark.unit


def test_the_longest_pause_counts() -> None:
    own = Pace()
    time.sleep(0.05)
    own.beat()
    own.beat()
    assert own.facts().longest_pause_s >= 0.05


def test_nobody_catches_up_before_it_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events by the thousand must not draw the screen as often."""
    t, caught_up = [100.0], []
    monkeypatch.setattr(pace.time, "monotonic", lambda: t[0])
    own = Pace()
    own.breathe()  # not begun: a source reads its first things
    own.begin(lambda: caught_up.append(True))
    t[0] += 0.25
    own.breathe()
    assert not caught_up
    t[0] += 0.01
    own.breathe()
    assert caught_up


def test_a_long_look_hands_over_what_is_known(run: FakeRun, tmp_path: Path) -> None:
    """And shows it, while it goes on."""
    path, shown, in_file = tmp_path / "a.ktrace", [], []

    class Shown(JsonLinesView):
        def tick(self, t: float) -> None:
            shown.append(t)

    def long_look(t: float) -> Iterator[Event]:
        yield kill(t)
        shown.clear()
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and not (shown and in_file):
            FakeSource.breathe()
            in_file[:] = [1] if '"fatal_signal"' in path.read_text() else []

    looks = [long_look]
    run.feed(lambda t: looks.pop()(t) if looks else [])
    run(Shown(), record=str(path))
    assert shown
    assert in_file


def test_a_page_that_is_read_from_a_disk_is_a_major_fault(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(mmap.PAGESIZE))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        own = Pace()
        assert mapped[0] == 0
        faults = own.facts().major_faults
    if faults == 0 and "tmpfs" in _file_system(tmp_path):
        pytest.skip("files are in memory here")
    assert faults == 1


def _file_system(path: Path) -> str:
    rows = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    holding = [row for row in rows if path.is_relative_to(row[1])]
    return max(holding, key=lambda row: len(row[1]))[2]


@pytest.mark.parametrize(
    ("own", "told"),
    [
        (None, ""),
        (OwnPace(major_faults=0, longest_pause_s=1.9), ""),
        (OwnPace(major_faults=None, longest_pause_s=1.9), ""),
        (
            OwnPace(major_faults=1, longest_pause_s=1.9),
            "for 1.9s at the longest; 1 page of its memory had to be read from a disk",
        ),
        (OwnPace(major_faults=0, longest_pause_s=4.2), "for 4.2s at the longest"),
        (OwnPace(major_faults=None, longest_pause_s=4.2), "major faults are not known"),
    ],
)
def test_it_is_told_when_ktrace_was_held_up(own: OwnPace | None, told: str) -> None:
    lines = summary_lines(Analysis(SESSION), replace(END, own=own))
    found = [line for line in lines if "ktrace itself was held up" in line]
    assert bool(found) == bool(told)
    assert told in "".join(found)

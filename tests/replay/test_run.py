"""How long a replay takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrace.events import Lost
from ktrace.replay import run
from tests.trace.samples import END, SESSION, WALK, write
from tests.views.runs import show

pytestmark = pytest.mark.unit


class Screen:
    child_output = "kept"

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.note = self.notes.append
        self.start = self.tick = self.end = lambda _: None
        self.event = lambda event, findings: None
        self.close = lambda: None


def test_a_gap_of_months_is_not_slept_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    late = [replace(WALK, t=WALK.t + n * 1e7) for n in (1, 2)]
    path = write(tmp_path / "a.ktrace", [SESSION, WALK, *late, END])
    naps: list[float] = []
    monkeypatch.setattr(run.time, "sleep", naps.append)
    screen = Screen()
    run.replay([str(path)], lambda command, path: screen, None)  # type: ignore[arg-type,return-value]
    assert 55 < sum(naps) < 65
    assert len(screen.notes) == 1


def test_very_many_names_of_what_was_lost_are_summed_up() -> None:
    from ktrace.views.lines import LinesView

    lost = [Lost(t=101.0, what=f"name {n}", count=2) for n in range(1000)]
    end = show(LinesView(), [*lost]).end()
    assert end.lost == 2000
    assert len(end.lost_by) < 100

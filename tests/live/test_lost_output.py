"""Whoever reads what a live run shows has left: no verdict, and the recording goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrace.errors import ExitCode, KtraceError
from ktrace.events import Event
from ktrace.views.json_lines import JsonLinesView
from tests.factories import kill
from tests.live.fake import FakeRun, last_record

pytestmark = pytest.mark.unit


class LostView(JsonLinesView):
    """stdout is gone after the head."""

    def event(self, event: Event | None, findings: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    def end(self, end: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")


def one_kill(t: float) -> list[Event]:
    return [kill(t)]


def test_no_verdict_that_nobody_got(run: FakeRun) -> None:
    run.once(one_kill)
    with pytest.raises(KtraceError, match="output was lost") as error:
        run(LostView(), duration=60.0)  # ends at once
    assert error.value.exit_code == ExitCode.INCONCLUSIVE


def test_the_recording_goes_on_to_its_end(run: FakeRun, tmp_path: Path) -> None:
    path = tmp_path / "a.ktrace"
    started: list[float] = []

    def feed(t: float) -> list[Event]:
        started.append(t)
        return [kill(t)]

    run.feed(feed)
    with pytest.raises(KtraceError, match="output was lost"):
        run(LostView(), duration=0.5, record=str(path))
    assert started[-1] - started[0] > 0.3
    assert last_record(path)["kind"] == "end"

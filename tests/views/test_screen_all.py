"""The screen of a recording of everything: nothing that the verdict is about is left out."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event
from ktrace.views.choice import _body
from ktrace.views.screen import ScreenView
from tests.factories import activity, session
from tests.views.runs import STUCK
from tests.views.test_screen_bad_page import FLIPPED

pytestmark = pytest.mark.unit

LIVELOCK: list[Event] = [
    activity(t, (t - 100) * 90, nobody=(t - 100) * 90) for t in range(104, 108)
]
ALL = sorted([*STUCK, FLIPPED, *LIVELOCK], key=lambda event: event.t)


def drawn(
    events: list[Event], width: int = 80, height: int = 24, **of_session: object
) -> list[str]:
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None
    )
    view = ScreenView(_body("record"), "replay of all.ktrace", console)
    analysis = Analysis(session(command="record", **of_session))
    view.show(analysis)
    for event in events:
        analysis.feed(event)
    with console.capture() as capture:
        console.print(view.render(108.0))
    return capture.get().splitlines()


def test_all_that_was_found_is_shown() -> None:
    text = "\n".join(drawn(ALL))
    assert "Stuck after SIGKILL" in text
    assert "appd[20]" in text
    assert "Bad pages  1" in text
    assert "OOM livelocks  1 now" in text
    assert "memory cgroup /app" in text


def test_what_was_not_found_has_a_line() -> None:
    lines = drawn(LIVELOCK)
    assert any("OOM livelocks  1 now" in line for line in lines)
    assert any("none stuck after SIGKILL" in line for line in lines)
    assert any("Bad pages not measured" in line for line in lines)


def test_what_was_not_measured_is_neither_none_nor_a_number() -> None:
    text = "\n".join(drawn([], probes=()))
    for title in ("OOM kills", "Stuck after SIGKILL", "Bad pages", "OOM livelocks"):
        assert f"{title}  not measured" in text
    assert "none" not in text
    assert "nobody" not in text


@pytest.mark.parametrize("width", [40, 80, 120, 250])
@pytest.mark.parametrize("height", [8, 12, 16, 24, 40])
@pytest.mark.parametrize("events", [[], LIVELOCK, ALL])
def test_fits_every_terminal(width: int, height: int, events: list[Event]) -> None:
    lines = drawn(events, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "Ctrl-C" in lines[-1]

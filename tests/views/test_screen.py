"""What the screen shows, at the sizes that users have."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event, Lost, Task
from ktrace.views.screen import ScreenView
from ktrace.views.screen_oom_hang import OomHangBody
from ktrace.views.screen_oom_livelock import OomLivelockBody
from tests.factories import kill, session, state, walk
from tests.views.golden import Golden
from tests.views.runs import RESOLVED, STUCK, new_analysis

pytestmark = pytest.mark.unit


def drawn(events: list[Event], t: float, width: int = 80, height: int = 24) -> list[str]:
    """The lines of the screen at time t."""
    output = io.StringIO()
    console = Console(
        file=output,
        width=width,
        height=height,
        force_terminal=True,
        color_system=None,
        markup=False,
        highlight=False,
    )
    view = ScreenView(OomHangBody(), "recording to hang.ktrace", console)
    analysis = new_analysis()
    view.show(analysis)
    for event in events:
        analysis.feed(event)
    with console.capture() as capture:
        console.print(view.render(t))
    return capture.get().splitlines()


def test_80x24(golden: Golden) -> None:
    golden.check("screen_80x24.txt", "\n".join(drawn(STUCK, 105.0)) + "\n")


def test_120x40(golden: Golden) -> None:
    golden.check("screen_120x40.txt", "\n".join(drawn(STUCK, 105.0, 120, 40)) + "\n")


def test_nothing_yet(golden: Golden) -> None:
    golden.check("screen_nothing_yet.txt", "\n".join(drawn([], 160.0)) + "\n")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 132, 250])
@pytest.mark.parametrize("height", [12, 16, 24, 50])
def test_fits_every_terminal(width: int, height: int) -> None:
    lines = drawn(STUCK, 105.0, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_fits_with_more_of_all_than_there_are_rows() -> None:
    tasks = [Task(100 + i, 100 + i, f"app{i}") for i in range(60)]
    events: list[Event] = [*STUCK[:6], *(kill(101.1, task) for task in tasks)]
    events += [*(state(103.0, task) for task in tasks), walk(103.001)]
    lines = drawn(events, 105.0)
    assert len(lines) == 24
    assert any("not shown" in line for line in lines)
    assert "Ctrl-C" in lines[-1]


def test_ages_count_up_without_new_events() -> None:
    assert any("4.0s" in line for line in drawn(STUCK, 105.0))
    assert any("13.5s" in line for line in drawn(STUCK, 114.5))


def test_after_their_death_nobody_is_stuck() -> None:
    lines = "\n".join(drawn([*STUCK, *RESOLVED], 112.0))
    assert "0 now, 2 in all, longest 10.2s" in lines
    assert "dead 10.2s KILL" in lines


def test_losses_are_in_the_header() -> None:
    assert "lost 7" in drawn([Lost(t=101, what="task_dead", count=7)], 105.0)[0]


@pytest.mark.parametrize("width", range(30, 140, 7))
def test_losses_and_the_time_are_in_every_header(width: int) -> None:
    head = drawn([Lost(t=101, what="task_dead", count=7)], 105.0, width)[0]
    assert head.startswith("ktrace oom-hang")
    assert head.endswith("lost 7")
    assert ("22:11:57Z" in head) == (width >= 34)


def test_at_40_columns_who_is_stuck_where_and_how_long() -> None:
    text = "\n".join(drawn(STUCK, 105.0, 40, 20))
    assert "appd[20]" in text
    assert "squashfs_cache_g" in text
    assert "4.0s" in text


def test_those_who_have_died_stay_for_a_while_with_their_end() -> None:
    text = "\n".join(drawn([*STUCK, *RESOLVED], 112.0, 100, 30))
    assert "dead by SIGKILL, was in squashfs_cache_get" in text
    assert "dead by" not in "\n".join(drawn([*STUCK, *RESOLVED], 140.0, 100, 30))


def test_500_in_groups_behind_one_object() -> None:
    tasks = [Task(100 + i, 100 + i, f"app{i}") for i in range(500)]
    events: list[Event] = [*(kill(101.1, task) for task in tasks)]
    events += [*(state(103.0, task) for task in tasks), walk(103.001)]
    lines = drawn(events, 105.0)
    assert lines[2].startswith("500 stuck, longest 3.9s")
    (group,) = [line for line in lines if line.strip().startswith("500  3.9s")]
    assert "squashfs_cache_get" in group
    assert group.split()[-3:] == ["sh[10]", "app0[100],", "…"]
    assert lines[-3].endswith("not shown")


def test_what_is_empty_takes_no_room() -> None:
    body = [line for line in drawn([], 160.0)[2:-2] if line]
    assert body == ["none stuck after SIGKILL; 0 processes killed; 0 OOM kills"]


def test_names_cannot_command_the_terminal() -> None:
    text = "\n".join(drawn(STUCK, 105.0, 120, 40))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\x1b[2J[red]\\u202ex" in text


def test_what_was_not_measured_is_not_zero() -> None:
    console = Console(file=io.StringIO(), width=100, height=24, force_terminal=True)
    for body in (OomHangBody(), OomLivelockBody()):
        view = ScreenView(body, "", console)
        view.show(Analysis(session(probes=())))
        with console.capture() as capture:
            console.print(view.render(105.0))
        text = Text.from_ansi(capture.get()).plain
        assert "OOM kills  not measured" in text
        assert "none yet" not in text
        assert "nobody" not in text

"""What the views show of an OOM livelock: the example's trace, recorded in the lab."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event, OomActivity, OomCaller, Task
from ktrace.findings import OomLivelock
from ktrace.trace.reader import TraceFile
from ktrace.views import livelock_text
from ktrace.views.lines import LinesView
from ktrace.views.report import ReportView
from ktrace.views.screen import ScreenView
from ktrace.views.screen_oom_livelock import OomLivelockBody
from ktrace.views.view import View
from tests.factories import activity, asked, domain, domain_task, oom_kill, session
from tests.views.golden import Golden

pytestmark = pytest.mark.unit

TRACE = Path(__file__).parents[2] / "examples" / "oom-livelock" / "oom-livelock.ktrace.gz"
SPINNING_S = 25.0  # after the start: in the second livelock


def replayed(view: View | None = None, until_s: float = 3600.0) -> Analysis:
    with TraceFile(str(TRACE)) as trace:
        analysis = Analysis(trace.session)
        if view:
            view.start(analysis)
        for record in trace.records():
            if isinstance(record, Event) and record.t - trace.session.t < until_s:
                found = analysis.feed(record)
                if view:
                    view.event(record, found)
    assert not trace.damage
    if view:
        view.end(analysis.end())
    return analysis


def drawn(analysis: Analysis, t: float, width: int = 80, height: int = 24) -> list[str]:
    console = Console(
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=True,
        color_system=None,
        markup=False,
        highlight=False,
    )
    view = ScreenView(OomLivelockBody(), "", console)
    view.show(analysis)
    with console.capture() as capture:
        console.print(view.render(t))
    return capture.get().splitlines()


def test_lines(capsys: pytest.CaptureFixture[str], golden: Golden) -> None:
    replayed(LinesView())
    golden.check("oom_livelock_lines.txt", capsys.readouterr().out)


def test_report(capsys: pytest.CaptureFixture[str], golden: Golden) -> None:
    replayed(ReportView())
    golden.check("oom_livelock_report.txt", capsys.readouterr().out)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_screen(width: int, height: int, golden: Golden) -> None:
    analysis = replayed(until_s=SPINNING_S)
    lines = drawn(analysis, analysis.session.t + SPINNING_S, width, height)
    golden.check(f"oom_livelock_{width}x{height}.txt", "\n".join(lines) + "\n")


@pytest.mark.parametrize("width", [40, 60, 80, 132, 250])
@pytest.mark.parametrize("height", [12, 16, 24, 50])
def test_fits_every_terminal(width: int, height: int) -> None:
    analysis = replayed(until_s=SPINNING_S)
    for number in range(30):
        analysis.feed(oom_kill(analysis.t, Task(500 + number, 500 + number, "x" * 15)))
    lines = drawn(analysis, analysis.t, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert any("OOM kills" in line for line in lines)


def test_nothing_yet() -> None:
    text = "\n".join(drawn(Analysis(session(command="oom-livelock")), 160.0))
    assert "none" in text
    assert "none yet" in text


def test_names_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[2J\u202ex"
    task = domain_task(Task(20, 20, evil), protected_by=(Task(15, 15, evil),))
    events: list[Event] = [asked(100, Task(20, 20, evil), f"/{evil}")]
    for t in (101, 102, 103):
        events.append(domain(t - 0.1, task, memcg=f"/{evil}"))
        events.append(activity(t, (t - 100) * 100, nobody=(t - 100) * 100, memcg=f"/{evil}"))
    for view in (LinesView(), ReportView()):
        analysis = Analysis(session(command="oom-livelock"))
        view.start(analysis)
        for event in events:
            view.event(event, analysis.feed(event))
        view.end(analysis.end())
    text = capsys.readouterr().out + "\n".join(drawn(analysis, 103.0, 120, 40))
    assert "OOM LIVELOCK" in text
    assert all(character.isprintable() or character == "\n" for character in text)


def finding(*events: Event) -> OomLivelock:
    analysis = Analysis(session(command="oom-livelock"))
    found = [told for event in events for told in analysis.feed(event)]
    assert isinstance(found[0], OomLivelock)
    return found[0]


def spin(*tasks: object) -> list[OomActivity | Event]:
    events: list[Event] = [asked(100, memcg="/app")]
    for t in (101, 102, 103):
        events.append(domain(t - 0.1, *tasks))  # type: ignore[arg-type]
        events.append(activity(t, (t - 100) * 100, nobody=(t - 100) * 100))
    return events


def test_values_that_differ_among_sharers_are_explained() -> None:
    vfork = domain_task(Task(21, 21, "child"), oom_score_adj=0, sharers=(20,))
    told = livelock_text.details(finding(*spin(domain_task(sharers=(21,)), vfork)))
    assert any("vfork child whose parent waits" in line for line in told)


def test_what_nobody_saw_is_said() -> None:
    told = livelock_text.details(finding(*spin(domain_task(sharers=None))))
    assert any("set before ktrace looked" in line for line in told)


def test_a_sharer_outside_the_domain() -> None:
    told = livelock_text.details(finding(*spin(domain_task(sharers=(77,)))))
    assert any("?[77] (outside the domain)" in line for line in told)


@pytest.mark.parametrize(
    ("call", "words"),
    [("reclaim_retry_zone", "retries of reclaim"), ("compact_retry", "retries of compaction")],
)
def test_retries(call: str, words: str) -> None:
    retries = []
    for t in range(101, 115):
        caller = OomCaller(Task(20, 20, "appd"), t * 40, 100.5, t - 0.1, False)
        retries.append(activity(t, t * 40, call=call, memcg=None, callers=(caller,)))
    line = livelock_text.line(finding(*retries))
    assert "the machine: reclaim or compaction is tried again and again" in line
    assert words in line

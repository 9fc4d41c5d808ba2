"""What the views show of an OOM livelock: the example's trace, recorded in the lab."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event, OomActivity, OomCaller, Task
from ktrace.findings import OomLivelock, Probe, Session
from ktrace.trace.reader import TraceFile
from ktrace.views import livelock_text
from ktrace.views.lines import LinesView
from ktrace.views.report import ReportView
from ktrace.views.screen import ScreenView
from ktrace.views.screen_oom_livelock import OomLivelockBody
from ktrace.views.view import View
from tests.factories import activity, asked, domain, domain_task, oom_kill, session, state, walk
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


def test_what_was_not_measured_is_no_number() -> None:
    events: list[Event] = []
    for t in range(101, 105):
        events += [domain(t - 0.001, domain_task()), activity(t, (t - 100) * 100)]
    analysis = Analysis(session(command="oom-livelock", probes=()))
    (finding,) = [found for event in events for found in analysis.feed(event)]
    assert isinstance(finding, OomLivelock)
    assert livelock_text.numbers(finding).endswith(", kills not measured")
    assert "kills not measured" in "\n".join(drawn(analysis, 104.5))
    unseen = replace(finding, kills=3)
    assert "3 victims, with resident memory not known when chosen" in livelock_text.details(unseen)


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


def test_the_screen_tells_what_has_ended() -> None:
    analysis = replayed()
    lines = drawn(analysis, analysis.t, 120, 40)
    ended = [line for line in lines if line.startswith("ended: memory cgroup ")]
    assert [line.split()[3] for line in ended] == ["/workers", "/twins", "/heirs"]
    assert "no killable processes; 6070 calls of out_of_memory() in 9.8s" in ended[2]


def test_the_screen_tells_what_is_not_known() -> None:
    analysis = Analysis(session(command="oom-livelock"))
    for number in range(60):
        analysis.feed(asked(100 + number * 0.05, memcg="/app"))
    (line,) = [text for text in drawn(analysis, 104.0, 120) if text.startswith("not known: ")]
    assert "60 calls of out_of_memory() for memory cgroup /app in 3.0 s killed nothing" in line


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


def shown(view: View, analysis: Analysis, *events: Event) -> None:
    view.start(analysis)
    for event in events:
        view.event(event, analysis.feed(event))
    view.end(analysis.end())


def test_the_head_of_a_report_has_the_newest_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """Not those of the first telling, which had no rate yet: 1582 of 6070 calls, "0 a second"."""
    counts = ((103.0, 1582), (104.0, 2000), (105.0, 2500), (109.0, 6070))
    events = [activity(t, calls, nobody=calls) for t, calls in counts]
    analysis = Analysis(session(command="oom-livelock"))
    shown(ReportView(), analysis, *events)
    text = " ".join(capsys.readouterr().out.split())
    assert "6070 calls of out_of_memory() in 9.0s" in text
    assert "still going on when tracing ended" in text
    assert "1582" not in text
    assert "(0" not in text


def test_a_livelock_of_another_command_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """oom-hang does not report it as its finding, but says what it was."""
    events = [activity(t, (t - 100) * 90, waits=(t - 100) * 90) for t in range(101, 105)]
    for view in (ReportView(), LinesView()):
        shown(view, Analysis(session(command="oom-hang")), *events, walk(110))
        text = capsys.readouterr().out
        assert "memory cgroup /app: waiting for a previous OOM victim to exit" in text
        assert "360 calls of out_of_memory()" in text


def hooked(state: str) -> Session:
    return session(command="oom-livelock", probes=(Probe("out_of_memory", "", state),))


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("attached", "No OOM livelock in 60.0s: 0 calls of out_of_memory()"),
        ("missing", "OOM livelocks not measured (no probe on out_of_memory()); OOM kills not"),
    ],
)
def test_what_a_clean_run_has_watched(
    state: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for view in (ReportView(), LinesView()):
        shown(view, Analysis(hooked(state)), walk(160))
        text = capsys.readouterr().out
        assert told in text
        assert ("0 calls" in text) == (state == "attached")
    screen = "\n".join(drawn(Analysis(hooked(state)), 160.0, 120))
    assert ("0 calls of out_of_memory()" in screen) == (state == "attached")
    assert ("OOM livelocks  not measured (no probe on" in screen) == (state == "missing")
    assert ("  none" in screen) == (state == "attached")


def test_one_kill_is_no_plural() -> None:
    killed = activity(101, 30, killed=1, waits=29)
    events = [killed, *(activity(t, t * 10, killed=1, waits=t * 10 - 1) for t in (102, 103, 104))]
    assert ", 1 kill" in livelock_text.line(finding(*events))
    assert "1 kills" not in livelock_text.line(finding(*events))


def test_a_victim_that_is_not_known_is_said_to_be() -> None:
    events = [activity(t, (t - 100) * 90, waits=(t - 100) * 90) for t in range(101, 105)]
    assert any(
        "which victim is not known" in line for line in livelock_text.details(finding(*events))
    )
    marked = [state(100.5, oom_victim=True), walk(100.6, 0.2)]
    told = livelock_text.details(finding(*marked, *events))
    assert any("waiting probably for appd[20], an OOM victim" in line for line in told)


def test_values_that_differ_among_sharers_are_explained() -> None:
    vfork = domain_task(Task(21, 21, "child"), oom_score_adj=0, sharers=(20,))
    told = livelock_text.details(finding(*spin(domain_task(sharers=(21,)), vfork)))
    assert any("vfork child whose parent waits" in line for line in told)


def test_what_nobody_saw_is_said() -> None:
    told = livelock_text.details(finding(*spin(domain_task(sharers=None))))
    assert any("set before tracing started" in line for line in told)


def test_a_sharer_outside_the_domain() -> None:
    told = livelock_text.details(finding(*spin(domain_task(sharers=(77,)))))
    assert any("?[77] (outside the domain)" in line for line in told)


@pytest.mark.parametrize(
    ("call", "words"),
    [("reclaim_retry_zone", "reclaim retries"), ("compact_retry", "compaction retries")],
)
def test_retries(call: str, words: str) -> None:
    retries = []
    for t in range(101, 115):
        caller = OomCaller(Task(20, 20, "appd"), t * 40, 100.5, t - 0.1, False)
        retries.append(activity(t, t * 40, call=call, memcg=None, callers=(caller,)))
    line = livelock_text.line(finding(*retries))
    assert "the machine: reclaim or compaction retries endlessly" in line
    assert words in line

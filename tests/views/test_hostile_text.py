"""A hostile text in every string of every record goes through every view, and commands nothing."""

import io
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import ktrace
from ktrace.commands.compare import _lines
from ktrace.comparison.verdict import compare
from ktrace.detectors.analysis import Analysis
from ktrace.errors import ExitCode
from ktrace.events import EVENTS, Event, from_json, to_json
from ktrace.findings import End, Finding, Session
from ktrace.problems import PROBLEMS, Problem, live_problems
from ktrace.views.choice import _body
from ktrace.views.formats import folded, html, markdown, perfetto
from ktrace.views.formats.document import Document, Format
from ktrace.views.json_lines import JsonLinesView
from ktrace.views.lines import LinesView
from ktrace.views.log_view import LogJsonView, LogLinesView
from ktrace.views.output import say
from ktrace.views.quiet import QuietView
from ktrace.views.report import ReportView
from ktrace.views.screen import ScreenView
from ktrace.views.view import View
from tests.comparison.runs import runs, stuck, victim
from tests.factories import session
from tests.views.formats.tame import assert_tame
from tests.views.hostile import HOSTILE, changed, sample, string_paths

pytestmark = pytest.mark.unit

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMANDS = [*(problem.name for problem in live_problems()), "record"]
LINE_VIEWS: list[Callable[[], View]] = [LinesView, ReportView, partial(QuietView, "x.ktrace")]
# What commands a terminal or hides text; the new line ends a line of the view's own
FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0001-\U000e007f]"
)


def hostile(record: Any) -> Any:
    """The record with the hostile text in all that is text."""
    for path in string_paths(type(record)):
        record = changed(record, path, lambda _: HOSTILE)
    return record


HEAD: Session = replace(
    hostile(sample(Session, "x")), t=100.0, stuck_after=1.0, probes=session().probes
)
FOOT: End = replace(hostile(sample(End, "x")), lost=1)


def through(view: View, command: str, events: list[Event], findings: list[Finding]) -> Analysis:
    analysis = Analysis(replace(HEAD, command=command))
    view.start(analysis)
    for event in events:
        view.event(event, analysis.feed(event))
    for finding in findings:
        analysis.adopt(finding)
        view.event(None, [finding])
    view.note(HOSTILE)
    view.end(FOOT)
    return analysis


def screen(command: str, events: list[Event], findings: list[Finding]) -> str:
    file = io.StringIO()
    console = Console(file=file, width=120, height=40, force_terminal=False, markup=False)
    view = ScreenView(_body(command), HOSTILE, console)
    analysis = Analysis(replace(HEAD, command=command))
    for event in events:
        analysis.feed(event)
    for finding in findings:
        analysis.adopt(finding)
    view.show(analysis)
    view.note(HOSTILE)
    console.print(view.render(analysis.t))
    view.end(FOOT)
    return file.getvalue()


def synthetic_events() -> list[Event]:
    return [hostile(sample(kind, "x")) for kind in EVENTS.values()]


def synthetic_findings(problems: Iterable[Problem]) -> list[Finding]:
    kinds = [kind for problem in problems for kind in problem.detector_type().findings]
    some = [hostile(sample(kind, "x")) for kind in kinds]
    return [replace(finding, status="open", id=str(n)) for n, finding in enumerate(some)]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("view", LINE_VIEWS)
def test_lines(view: Callable[[], View], command: str, capsys: pytest.CaptureFixture[str]) -> None:
    through(view(), command, synthetic_events(), synthetic_findings(live_problems()))
    out, err = capsys.readouterr()
    assert out + err
    assert not FORBIDDEN.search(out + err), FORBIDDEN.search(out + err)


def test_numbers_that_are_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    """A reader takes the empty text for any number in hexadecimal."""
    texts = [
        json.dumps(to_json(sample(kind, "x"))).replace('"0x1"', '""') for kind in EVENTS.values()
    ]
    events = [from_json(json.loads(text)) for text in texts]
    for command in COMMANDS:
        through(ReportView(), command, events, [])
        screen(command, events, [])
    assert capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_screens(command: str) -> None:
    shown = screen(command, synthetic_events(), synthetic_findings(live_problems()))
    assert not FORBIDDEN.search(shown), FORBIDDEN.search(shown)


@pytest.mark.parametrize("colours", [False, True])
def test_kernel_logs(colours: bool, capsys: pytest.CaptureFixture[str]) -> None:
    through(LogLinesView(colours), "dmesg", synthetic_events(), synthetic_findings(PROBLEMS))
    out, err = capsys.readouterr()
    shown = re.sub("\x1b\\[(1;31)?m", "", out + err) if colours else out + err
    assert not FORBIDDEN.search(shown), FORBIDDEN.search(shown)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("style", [folded, html, markdown, perfetto])
def test_documents(style: Format, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = Document(style)
    events, findings = synthetic_events(), synthetic_findings(PROBLEMS)
    through(document.chapter(HOSTILE), command, events, findings)
    for line in document.lines():
        say(line)
    shown = capsys.readouterr().out
    assert shown
    assert not FORBIDDEN.search(shown), FORBIDDEN.search(shown)
    if style is html:
        assert_tame(shown)


@pytest.mark.parametrize(
    ("view", "command", "problems"),
    [(JsonLinesView, "record", live_problems()), (LogJsonView, "dmesg", PROBLEMS)],
)
def test_json_stays_json(
    view: Callable[[], View],
    command: str,
    problems: Iterable[Problem],
    capsys: pytest.CaptureFixture[str],
) -> None:
    through(view(), command, synthetic_events(), synthetic_findings(problems))
    shown = capsys.readouterr().out
    assert not FORBIDDEN.search(shown)
    records = [json.loads(line) for line in shown.split("\n")[:-1]]
    assert HOSTILE in {record.get("host") for record in records}  # and is what it was


@pytest.mark.parametrize("style", ["text", "json", "ktap", "junit", "html"])
def test_comparisons(style: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = stuck(victim(20, HOSTILE), stack=(f"{HOSTILE}+0x1",))
    head = {"kernel": HOSTILE, "host": HOSTILE, "wall": HOSTILE, "machine": HOSTILE}
    sides = [runs(tmp_path, side, *[events] * 3, **head) for side in ("a", "b")]
    for line in _lines(compare(*sides, warnings=[HOSTILE]), style, ExitCode.FOUND):
        say(line)
    shown = capsys.readouterr().out
    assert not FORBIDDEN.search(shown), FORBIDDEN.search(shown)
    if style == "ktap":
        assert all(re.match(r"# |#$|ok |not ok |KTAP|1\.\.", line) for line in shown.splitlines())


def test_only_one_place_writes() -> None:
    """A view that prints by itself has to remember each field."""
    writes = re.compile(
        r"^\s*print\(|partial\(print|std(out|err)\.write\(|click\.echo\(", re.MULTILINE
    )
    package = Path(ktrace.__file__).parent
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if writes.search(path.read_text())
    }
    assert found <= {"views/output.py", "probes/bcc_compiler.py"}


TRACES = [
    EXAMPLES / "bad-page-bug" / "bad-page-bug.ktrace",
    EXAMPLES / "bad-ram" / "boot-1.ktrace",
    EXAMPLES / "oom-livelock" / "oom-livelock.ktrace.gz",
    EXAMPLES / "squashfs-hang" / "squashfs-stall.ktrace.gz",
]


def recorded(path: Path) -> list[Event]:
    from ktrace.trace.reader import TraceFile

    with TraceFile(path) as trace:
        return [record for record in trace.records() if isinstance(record, Event)]


@pytest.mark.parametrize("path", TRACES, ids=[path.name for path in TRACES])
def test_each_string_of_recorded_runs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One field after the other, so that what the others say still leads to findings."""
    events = recorded(path)
    for kind in {type(event) for event in events}:
        for where in string_paths(kind):
            attacked = [
                changed(event, where, lambda text: text + HOSTILE) if type(event) is kind else event
                for event in events
            ]
            if attacked != events:
                shown = screen("record", attacked, [])
                document = Document(html)
                through(document.chapter("x"), "record", attacked, [])
                page = "\n".join(document.lines())
                assert_tame(page)
                shown += page
                for view in LINE_VIEWS[:2]:
                    through(view(), "record", attacked, [])
                    shown += capsys.readouterr().out
                assert not FORBIDDEN.search(shown), (kind, where, FORBIDDEN.search(shown))

"""A new problem is a detector, a view and a line of the registry, and nothing else is touched: here
they are written by the test. Live, in replay, in a report and as JSON it is as any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ktrace.trace.writer import TraceWriter
from tests.factories import kill, session

DETECTOR = '''
from typing import ClassVar

from ktrace.detectors.detector import Detector
from ktrace.events import FatalSignal
from ktrace.findings import Finding
from ktrace.record import record


@record(kw_only=True)
class TermSent(Finding):
    finding: ClassVar[str] = "term-sent"
    pid: int
    comm: str


class TermsSent(Detector):
    """SIGTERM was sent to somebody."""

    findings = (TermSent,)
    total = 0

    def feed(self, event):
        if isinstance(event, FatalSignal) and event.signal == 15:
            self.total += 1
            target = event.target
            number = f"term-{self.total}"
            yield TermSent(status="open", id=number, t=event.t, pid=target.pid, comm=target.comm)
'''
VIEW = """
from toy_detector import TermsSent

from ktrace.views import words


def line(finding):
    return f"TERM SENT: {words.task_name(finding.comm, finding.pid)}"


def details(finding):
    return ["it was asked to end"]


def prose(finding):
    return {"advice": ["ask it nicely"]}


def body():
    return Body()


class Body:
    def lines(self, analysis, t, width, height):
        return [f"{analysis.of(TermsSent).total} times asked to end"]


def report(analysis, told):
    return [line(versions[-1]) for versions in told.values()]


def summary(analysis, brief):
    return [words.count(analysis.of(TermsSent).total, "SIGTERM")]
"""
MAIN = """
from ktrace import problems

problems.PROBLEMS += (
    problems.Problem(
        name="term-sent",
        help="Show who was asked to end.",
        detector="toy_detector:TermsSent",
        view="toy_view",
        findings=("term-sent",),
        probes=("signal_generate",),
    ),
)
from ktrace.cli import main

main()
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """The folder that has the three parts."""
    for name, text in (("detector", DETECTOR), ("view", VIEW), ("main", MAIN)):
        (tmp_path / f"toy_{name}.py").write_text(text)
    return tmp_path


def ktrace(toy: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[1]
    return subprocess.run(
        [sys.executable, str(toy / "toy_main.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(root)},
        **options,  # type: ignore[call-overload]
    )


@pytest.fixture
def trace(toy: Path) -> Path:
    """As a run of the command recorded it, with two SIGTERMs."""
    path = toy / "toy.ktrace"
    writer = TraceWriter(path)
    writer.write_session(session(command="term-sent"))
    for t in (101, 102):
        event = kill(t)
        writer.write_event(type(event)(**{n: getattr(event, n) for n in NAMES} | {"signal": 15}))
    assert writer.close()
    return path


NAMES = ("t", "by", "target", "signal", "group", "si_code")


@pytest.mark.unit
def test_replay(toy: Path, trace: Path) -> None:
    done = ktrace(toy, "replay", str(trace))
    assert done.returncode == 1, done.stderr
    assert "    1.000s TERM SENT: appd[20]\n           it was asked to end\n" in done.stdout
    assert "\n2 SIGTERMs\n" in done.stdout


@pytest.mark.unit
def test_report(toy: Path, trace: Path) -> None:
    done = ktrace(toy, "report", str(trace))
    assert done.returncode == 1, done.stderr
    assert done.stdout.count("\nTERM SENT: appd[20]") == 2


@pytest.mark.unit
def test_json(toy: Path, trace: Path) -> None:
    done = ktrace(toy, "report", "--format", "json", str(trace))
    found = [json.loads(line) for line in done.stdout.splitlines()]
    finding = next(record for record in found if record["kind"] == "finding")
    assert (finding["finding"], finding["pid"]) == ("term-sent", 20)
    assert finding["advice"] == ["ask it nicely"]
    assert (found[-1]["verdict"], found[-1]["findings"]) == ("found", 2)


@pytest.mark.unit
def test_screen(toy: Path) -> None:
    code = (
        "import runpy, sys; sys.argv = ['ktrace', '--version']\n"
        "try: runpy.run_path('toy_main.py')\n"
        "except SystemExit: pass\n"
        "from ktrace.views.choice import _body\n"
        "from ktrace.detectors.analysis import Analysis\n"
        "from tests.factories import session\n"
        "print(_body('term-sent').lines(Analysis(session(command='term-sent')), 0, 80, 24))\n"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=toy,
        env=os.environ | {"PYTHONPATH": f"{toy}:{root}"},
    )
    assert "['0 times asked to end']" in done.stdout, done.stderr


@pytest.mark.unit
def test_its_command_has_the_options_of_all(toy: Path) -> None:
    assert "term-sent" in ktrace(toy, "--help").stdout
    text = ktrace(toy, "term-sent", "--help").stdout
    assert "Show who was asked to end." in text
    for option in ("--record", "--json", "--loader", "--on-finding", "--stuck-after", "--duration"):
        assert option in text


@pytest.mark.kernel
def test_live(toy: Path) -> None:
    trace = toy / "live.ktrace"
    asked = ("--", "sh", "-c", "sleep 60 & sleep 0.5; kill $!; wait $!; sleep 0.5")
    done = ktrace(toy, "term-sent", "--json", "-o", str(trace), *asked)
    assert done.returncode == 1, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["comm"] for r in found if r.get("finding") == "term-sent"] == ["sleep"]
    report = ktrace(toy, "report", str(trace))
    assert report.returncode == 1, report.stderr
    assert "TERM SENT: sleep[" in report.stdout
    record = toy / "all.ktrace"  # of a recording of everything it is one among others
    assert ktrace(toy, "record", "-o", str(record), *asked).returncode == 1
    assert "TERM SENT: sleep[" in ktrace(toy, "report", str(record)).stdout

"""Traces of several boots judged together, by `ktrace report` and `ktrace replay`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ktrace.commands.replay import replay
from ktrace.commands.report import report
from ktrace.detectors.analysis import Analysis
from ktrace.events import BadPage, Task
from ktrace.lab.verdict import verdict_over
from ktrace.trace.writer import TraceWriter
from tests.factories import session
from tests.views.test_screen_bad_page import EARLIER, FLIPPED

pytestmark = pytest.mark.unit

BOOTS = (("one", 0xA123, "dd"), ("two", 0x12123, "cp"), ("three", 0x1A123, "awk"))


def page(boot: str, pfn: int, comm: str) -> BadPage:
    return replace(FLIPPED, boot=boot, pfn=pfn, by=Task(7, 7, comm))


@pytest.fixture
def traces(tmp_path: Path) -> list[Path]:
    """One boot each, the same cell in all."""
    paths = []
    for boot, pfn, comm in BOOTS:
        paths.append(tmp_path / f"{boot}.ktrace")
        writer = TraceWriter(str(paths[-1]))
        analysis = Analysis(session(command="bad-page", boot_id=boot))
        writer.write_session(analysis.session)
        event = page(boot, pfn, comm)
        findings = analysis.feed(event)
        writer.write_event(event)
        for finding in findings:
            writer.write_finding(finding)
        writer.write_end(analysis.end())
        assert writer.close()
    return paths


def findings(paths: list[Path], *options: str) -> list[dict[str, object]]:
    done = CliRunner().invoke(report, ["--format", "json", *map(str, paths)], standalone_mode=False)
    assert done.return_value == 1
    records = [json.loads(line) for line in done.output.splitlines()]
    return [record for record in records if record["kind"] == "finding"]


def test_one_boot_alone_proves_nothing(traces: list[Path]) -> None:
    kinds = {finding["finding"] for finding in findings(traces[:1])}
    assert kinds == {"bad-page", "page-corruption"}


def test_three_boots_are_one_cell(traces: list[Path]) -> None:
    cell = [finding for finding in findings(traces) if finding["finding"] == "ram-cell"][-1]
    assert (cell["events"], cell["boots"], cell["confidence"]) == (3, 3, "high")
    assert cell["cell"] == {
        "word": "0x1f6848c0",
        "bit": 14,
        "byte": "0x1f6848c1",
        "byte_bit": 6,
    }


def test_joined_traces_are_judged_the_same(traces: list[Path], tmp_path: Path) -> None:
    joined = tmp_path / "joined.ktrace"
    joined.write_bytes(b"".join(path.read_bytes() for path in traces))
    assert findings([joined]) == findings(traces)


def test_the_lab_tells_the_last_verdict_once(
    traces: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert verdict_over(traces) == 1
    said = capsys.readouterr().out
    assert said.count("BAD RAM") == 1
    assert "3 bad pages in 3 boots, confidence high" in " ".join(said.split())
    assert said.count("verdict: found") == 1


def test_replay_of_several(traces: list[Path]) -> None:
    done = CliRunner().invoke(replay, [*map(str, traces)], standalone_mode=False)
    assert done.return_value == 1
    assert done.output.count("verdict: found") == 3
    assert "3 bad pages in 3 boots" in done.output.splitlines()[-2]


def test_no_trace_is_a_usage_error() -> None:
    assert CliRunner().invoke(report, []).exit_code == 2


def test_what_a_state_file_told_is_in_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "t.ktrace"
    writer = TraceWriter(str(path))
    analysis = Analysis(session(command="bad-page"))
    writer.write_session(analysis.session)
    live = []
    for event in (*EARLIER, FLIPPED):
        live += analysis.feed(event)
        writer.write_event(event)
    writer.write_end(analysis.end())
    assert writer.close()
    assert [finding["id"] for finding in findings([path])] == [finding.id for finding in live]
    assert live[-1].finding == "ram-cell"

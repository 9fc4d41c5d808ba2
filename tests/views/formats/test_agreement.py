"""The same questions asked of every format have the same answers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ktrace.commands.report import report
from ktrace.errors import ExitCode
from tests.views.formats.tame import assert_tame

pytestmark = pytest.mark.unit

EXAMPLES = Path(__file__).parents[3] / "examples"
HANG = EXAMPLES / "squashfs-hang" / "squashfs-stall.ktrace.gz"
LIVELOCK = EXAMPLES / "oom-livelock" / "oom-livelock.ktrace.gz"
CELL = [EXAMPLES / "bad-ram" / f"boot-{number}.ktrace" for number in (1, 2, 3)]


def made(style: str, *files: Path) -> str:
    arguments = ["--format", style, *map(str, files)]
    result = CliRunner().invoke(report, arguments, standalone_mode=False)
    assert result.return_value == ExitCode.FOUND, result.output
    return result.output


def resolved(*files: Path) -> dict[str, dict[str, Any]]:
    """What JSON says of each stuck task, by its name."""
    records = [json.loads(line) for line in made("json", *files).splitlines()]
    return {
        f"{record['comm']}[{record['pid']}]": record
        for record in records
        if record.get("finding") == "stuck-task" and record["status"] == "resolved"
    }


def slices(style: str = "perfetto", *files: Path) -> dict[str, dict[str, Any]]:
    trace = json.loads(made(style, *files))["traceEvents"]
    names = {e["tid"]: e["args"]["name"] for e in trace if e["name"] == "thread_name"}
    return {
        f"{names[e['tid']]}[{e['tid']}]": e
        for e in trace
        if e["ph"] == "X" and e.get("cat") == "stuck"
    }


def test_perfetto_has_the_stuck_intervals_of_the_report() -> None:
    found, drawn = resolved(HANG), slices("perfetto", HANG)
    head = json.loads(made("json", HANG).splitlines()[0])
    assert len(found) == 14
    assert drawn.keys() == found.keys()
    for name, record in found.items():
        start = record["t"] - record["stuck_s"] - head["t"]
        assert drawn[name]["ts"] == pytest.approx(start * 1e6, abs=1)
        assert drawn[name]["dur"] == pytest.approx(record["stuck_s"] * 1e6, abs=1)
        assert drawn[name]["name"] == record["wait"]["function"]
        assert drawn[name]["args"]["stack"] == record["stack"]


def test_folded_stacks_sum_up_to_the_time_stuck() -> None:
    total = sum(int(line.rpartition(" ")[2]) for line in made("folded", HANG).splitlines())
    expected = sum(record["stuck_s"] for record in resolved(HANG).values())
    assert total / 1000 == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("style", ["text", "markdown", "html", "perfetto"])
def test_who_was_stuck_and_the_verdict(style: str) -> None:
    text = made(style, HANG)
    if style == "html":
        text = "".join(assert_tame(text).text)
    for record in resolved(HANG).values():
        assert record["comm"] in text
        assert str(record["tid"]) in text
        assert record["wait"]["function"] in text
    assert "found" in text


def test_the_page_has_the_text_line_by_line() -> None:
    shown = "".join(assert_tame(made("html", HANG)).text).splitlines()
    text = made("text", HANG).splitlines()
    assert set(text[1:-1]) <= set(shown)


@pytest.mark.parametrize("style", ["text", "markdown", "html", "perfetto"])
def test_livelocks(style: str) -> None:
    records = [json.loads(line) for line in made("json", LIVELOCK).splitlines()]
    domains = {r["domain"] for r in records if r.get("finding") == "oom-livelock"}
    assert len(domains) == 3
    text = made(style, LIVELOCK)
    assert all(domain in text for domain in domains)


@pytest.mark.parametrize("style", ["text", "markdown", "html", "perfetto"])
def test_bad_ram(style: str) -> None:
    text = made(style, *CELL)
    records = [json.loads(line) for line in made("json", *CELL).splitlines()]
    cells = [r["cell"]["word"] for r in records if r.get("finding") == "ram-cell"]
    assert len(set(cells)) == 1
    assert cells[0] in text
    assert "3 bad pages in 3 boots" in text


def test_runs_of_several_files_are_kept_apart() -> None:
    trace = json.loads(made("perfetto", HANG, HANG))
    assert [run["verdict"] for run in trace["otherData"]["runs"]] == ["found", "found"]
    stuck = [e for e in trace["traceEvents"] if e["ph"] == "X" and e.get("cat") == "stuck"]
    assert len({(e["pid"], e["tid"]) for e in stuck}) == 2 * 14


def test_flows_lead_from_the_invoker_to_the_victim() -> None:
    trace = json.loads(made("perfetto", LIVELOCK))["traceEvents"]
    ends = {phase: [e["id"] for e in trace if e["ph"] == phase] for phase in "sf"}
    assert len(ends["s"]) == 20
    assert ends["s"] == ends["f"]
    assert len(set(ends["s"])) == 20


def test_folded_lines_are_what_flame_graphs_read() -> None:
    for line in made("folded", HANG).splitlines():
        assert re.fullmatch(r"[^; ]+(;[^; ]+)* [0-9]+", line)

"""Large allocations of two sides are told beside the verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ktrace.comparison.large_allocations import LargeCounts, sum_of
from ktrace.comparison.runs import Run, read_runs
from ktrace.comparison.verdict import compare
from ktrace.errors import ExitCode
from ktrace.views.compare_json import json_text
from ktrace.views.compare_text import text_lines

pytestmark = pytest.mark.unit

EXAMPLE = Path(__file__).parents[2] / "examples" / "large-buffers" / "fragmented.ktrace.gz"


@pytest.fixture
def run() -> Run:
    (found,), _ = read_runs([str(EXAMPLE)], None)
    return found


def row(runs: tuple[Run, Run], name: str) -> str:
    lines = text_lines(compare(runs[:1], runs[1:]))
    return " ".join(next(line for line in lines if line.strip().startswith(name)).split())


def test_of_a_trace(run: Run) -> None:
    assert run.large is not None
    assert (run.large.calls, run.large.failed, run.large.fell_back) == (35, 3, 8)
    none = LargeCounts(calls=35, bytes=1 << 20, failed=0, fell_back=0, waited=0, waited_s=0.0)
    fixed = replace(run, file="fixed", large=none)
    assert row((run, fixed), "large allocations") == "large allocations 35 (6.3 MiB) 35 (1.0 MiB)"
    assert row((run, fixed), "failed") == "failed 3 0"
    printed = json.loads(json_text(compare([run], [fixed]), ExitCode.INCONCLUSIVE))
    told = printed["before"]["run"][0]["large_allocations"]
    assert (told["failed"], told["waited"]) == (3, 4)


def test_where_they_were_not_traced(run: Run) -> None:
    blind = replace(run, file="blind", large=None)
    assert row((run, blind), "failed") == "failed 3 not measured"
    assert not [line for line in text_lines(compare([blind], [blind])) if "large alloc" in line]
    assert sum_of([None, run.large, run.large]) is not None
    assert sum_of([None]) is None


def test_the_sum(run: Run) -> None:
    both = sum_of([run.large, run.large])
    assert both is not None
    assert (both.calls, both.failed) == (70, 6)

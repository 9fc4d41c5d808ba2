"""examples/watch: the plugin of node-problem-detector."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

EXAMPLES = Path(__file__).parents[2] / "examples" / "watch"
OK, NOT_OK, UNKNOWN = 0, 1, 2  # what node-problem-detector takes an exit status for


@pytest.mark.parametrize(
    ("metrics", "status", "told"),
    [
        ("ktrace_stuck_tasks 0.0\n", OK, "no killed task is stuck"),
        ("ktrace_stuck_tasks 3.0\n", NOT_OK, "3 killed tasks do not die"),
        ("ktrace_kills_total 3.0\n", UNKNOWN, "not measured on this kernel"),
        (None, UNKNOWN, "ktrace watch does not run"),
    ],
)
def test_answers(tmp_path: Path, metrics: str | None, status: int, told: str) -> None:
    file = tmp_path / "ktrace.prom"
    if metrics is not None:
        file.write_text(metrics)
    assert asked(file) == (status, told)


def test_an_old_file_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "ktrace.prom"
    file.write_text("ktrace_stuck_tasks 0.0\n")
    os.utime(file, (0, 0))
    assert asked(file) == (UNKNOWN, "ktrace watch does not run")


def asked(file: Path) -> tuple[int, str]:
    done = subprocess.run(
        [EXAMPLES / "npd-check", file], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.strip()


def test_configuration_names_the_plugin() -> None:
    config = json.loads((EXAMPLES / "node-problem-detector.json").read_text())
    (rule,) = config["rules"]
    assert Path(rule["path"]).name == "npd-check"
    assert rule["condition"] in {condition["type"] for condition in config["conditions"]}

"""ktrace dmesg on a log that is full of reports of an OOM killer that finds nobody."""

import json
import re
from pathlib import Path

import pytest

from tests.tracer import ktrace

pytestmark = pytest.mark.unit

# one report of Debian 6.1.0-56 in a livelock, as it is; in that log they are 1.4 ms apart
REPORT = (Path(__file__).parent.parent / "golden" / "logs" / "oom-nobody-6.1.txt").read_text()


def later(report: str, seconds: float) -> str:
    return re.sub(r"(?m)^\[ *([0-9.]+)\]", lambda m: f"[{float(m[1]) + seconds:12.6f}]", report)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "dmesg"
    path.write_text("".join(later(REPORT, 0.0014 * number) for number in range(60)))
    return path


def test_it_is_a_livelock(log: Path) -> None:
    done = ktrace("dmesg", "--json", str(log))
    assert done.returncode == 1
    records = [json.loads(line) for line in done.stdout.splitlines()]
    findings = [r for r in records if r["kind"] == "finding"]
    assert {f["finding"] for f in findings} == {"oom-livelock"}
    assert (findings[0]["reason"], findings[0]["domain"]) == ("nobody", "/twins")
    assert records[-1]["verdict"] == "found"


def test_it_is_said_once_and_not_sixty_times(log: Path) -> None:
    text = ktrace("dmesg", str(log)).stdout
    assert text.count("OOM: no killable processes, memory cgroup /twins") == 3
    assert "OOM LIVELOCK: memory cgroup /twins: no killable processes" in text
    assert "60 OOM reports" in text


def test_a_few_reports_are_none(tmp_path: Path) -> None:
    path = tmp_path / "dmesg"
    path.write_text("".join(later(REPORT, 30.0 * number) for number in range(5)))
    assert ktrace("dmesg", str(path)).returncode == 0

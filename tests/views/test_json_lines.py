"""JSON Lines on stdout."""

import json

import pytest

from ktrace.views.json_lines import JsonLinesView
from tests.views.runs import RESOLVED, STUCK, show

pytestmark = pytest.mark.unit


def test_session_findings_end(capsys: pytest.CaptureFixture[str]) -> None:
    show(JsonLinesView(), [*STUCK, *RESOLVED])
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["kind"] for record in records] == [
        "session",
        "finding",
        "finding",
        "finding",
        "finding",
        "end",
    ]
    opened, _, resolved, _ = records[1:5]
    assert opened["finding"] == "stuck-task"
    assert opened["killed"] == {
        "by": "oom",
        "signal": 9,
        "pid": 10,
        "comm": "sh",
        "t": 101.001,
        "why": "chosen",
    }
    assert opened["wait"] == {
        "function": "squashfs_cache_get",
        "primitive": "wait_event",
        "sigkill_wakes": False,
    }
    assert opened["blocked_by"][0]["comm"] == "filler"
    assert resolved["outcome"] == {
        "exit_signal": 9,
        "after_s": 10.249,
        "memory_freed_after_s": 10.249,
    }
    assert records[-1]["verdict"] == "found"
    assert records[-1]["findings"] == 2

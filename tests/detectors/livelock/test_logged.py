"""OOM kills that a kernel log reports: told, and a livelock where one follows the other."""

from pathlib import Path

import pytest

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event
from ktrace.findings import End, Finding, OomLivelock
from ktrace.log_run import run
from ktrace.views.json_lines import JsonLinesView
from tests.sources.log.samples import OOM_6_1, stamped

pytestmark = pytest.mark.unit


class Seen(JsonLinesView):
    """What a log's view is told."""

    def __init__(self) -> None:
        super().__init__()
        self.analysis: Analysis | None = None
        self.verdict: End | None = None
        self.livelocks: list[OomLivelock] = []

    def start(self, analysis: Analysis) -> None:
        self.analysis = analysis

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        self.livelocks += [found for found in findings if isinstance(found, OomLivelock)]

    def end(self, end: End) -> None:
        self.verdict = end


def read(tmp_path: Path, log: str) -> tuple[int, Seen]:
    path = tmp_path / "kern.log"
    path.write_text(log)
    seen = Seen()
    code = run([str(path)], seen)
    assert seen.verdict
    return int(code), seen


def kills(number: int, every_s: float) -> str:
    return "".join(stamped(OOM_6_1, 100.0 + index * every_s) for index in range(number))


def test_kills_now_and_then_are_told_and_no_finding(tmp_path: Path) -> None:
    code, seen = read(tmp_path, kills(40, 2.0))
    assert (code, seen.livelocks) == (0, [])
    assert seen.verdict
    assert seen.verdict.why == ""
    assert seen.verdict.counts["oom_kills"] == 40
    assert seen.verdict.counts["stuck_threads"] is None  # a log has no such count


def test_a_burst_of_one_call_is_no_livelock(tmp_path: Path) -> None:
    """memory.oom.group: all tasks of the cgroup at once."""
    assert read(tmp_path, kills(40, 0.01))[0] == 0


def test_kill_after_kill_is_a_livelock(tmp_path: Path) -> None:
    """As it would be live: ten kills within ten seconds, and the calls go on."""
    code, seen = read(tmp_path, kills(40, 0.6))
    first, last = seen.livelocks[0], seen.livelocks[-1]
    assert (code, first.reason, first.domain) == (1, "no-gain", None)
    assert first.lasted_s < 6.0
    assert (last.kills, last.freed_kib) == (last.calls, last.calls * (41984 + 100))


def test_another_boot_begins_anew(tmp_path: Path) -> None:
    banner = stamped("Linux version 6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org)\n", 0.0)
    log = "".join(kills(8, 0.7) + banner for _ in range(5))
    code, seen = read(tmp_path, log)
    assert (code, seen.livelocks) == (0, [])


def test_without_times_nobody_knows(tmp_path: Path) -> None:
    code, seen = read(tmp_path, OOM_6_1 * 12)
    assert code == 4
    assert seen.verdict
    assert seen.verdict.why == ("12 OOM kills for the machine, and the log does not tell when")
    assert read(tmp_path, OOM_6_1 * 3)[0] == 0


def test_a_panic_in_place_of_a_kill_is_no_clean_run(tmp_path: Path) -> None:
    """out_of_memory() of mm/oom_kill.c, v6.6"""
    log = (
        "Out of memory and no killable processes...\n"
        "Kernel panic - not syncing: System is deadlocked on memory\n"
        "CPU: 0 PID: 1 Comm: init Not tainted 6.6.0 #1\n"
    )
    code, seen = read(tmp_path, stamped(log))
    assert code == 1
    assert seen.verdict
    assert seen.verdict.found["alarm"] == 1

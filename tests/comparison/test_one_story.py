"""The findings, the ledger and the comparison tell one story of each victim, in recorded traces."""

from pathlib import Path

import pytest

from ktrace.comparison.runs import function_of_victim, read_runs
from ktrace.detectors.analysis import Analysis
from ktrace.events import Event
from ktrace.findings import StuckTask
from ktrace.trace.reader import TraceFile
from ktrace.views.kill_timeline import outcome

pytestmark = pytest.mark.unit

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
TRACES = sorted(
    [
        *EXAMPLES.glob("squashfs-hang/*.ktrace.gz"),
        *EXAMPLES.glob("validate-a-fix/recorded*/*/*.ktrace.gz"),
    ]
)


@pytest.mark.parametrize("path", TRACES, ids=lambda path: "-".join(path.parts[-3:]))
def test_of_each_stuck_victim(path: Path) -> None:
    """Its processes have one thread each."""
    findings: dict[int, StuckTask] = {}
    with TraceFile(str(path)) as trace:
        analysis = Analysis(trace.session)
        for record in trace.records():
            if isinstance(record, Event):
                found = analysis.feed(record)
                findings |= {f.pid: f for f in found if isinstance(f, StuckTask)}
    (run,), _ = read_runs([str(path)], None)
    assert {victim.pid for victim in run.stuck} == findings.keys()
    ledger = {kill.pid: kill for kill in analysis.kills.kills}
    for victim in run.stuck:
        finding, kill = findings[victim.pid], ledger[victim.pid]
        assert finding.outcome is not None
        assert finding.outcome.after_s == victim.after_s == kill.after_s
        assert finding.outcome.exit_signal == victim.exit_signal == kill.exit_signal
        assert finding.killed.by == victim.by == kill.by
        function = finding.wait.function if finding.wait else ""
        assert function == function_of_victim(victim)
        assert (finding.state == "running") == (finding.wait is None)
        blockers = [blocker.tid for blocker in finding.blocked_by]
        assert len(set(blockers)) == len(blockers)
        assert finding.tid not in blockers
        assert outcome(kill).startswith("dead after")

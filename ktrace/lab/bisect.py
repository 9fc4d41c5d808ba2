"""Exit codes for `git bisect run`: is the bug in this kernel?

git-bisect(1): 0 is good, 125 cannot be tested, anything else from 1 to 127 is bad, more aborts.
Nothing but a finding may be bad: not a kernel that does not build or boot, not a wrong option,
not a bug of ktrace.
"""

from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path

from ktrace.errors import ExitCode
from ktrace.lab.outcome import read_outcome
from ktrace.lab.runner import LabResult


class BisectCode(IntEnum):
    """What git makes of it: good, bad, skip."""

    GOOD = 0
    BAD = 1
    SKIP = 125


def bisect_code(
    traces: Sequence[Path],
    run: Callable[[Path], LabResult],
    judge: Callable[[LabResult], int],
    complain: Callable[[Exception], None],
) -> BisectCode:
    """Run once for each trace, until a run finds something: one is enough.

    judge gives a result's exit code; what run and judge raise goes to complain, and the run counts
    as one that cannot be judged.
    """
    codes = []
    for trace in traces:
        try:
            code = judge(run(trace))
        except Exception as error:
            complain(error)
            code = BisectCode.SKIP
        if code == ExitCode.FOUND:
            return BisectCode.BAD
        codes.append(code)
    return BisectCode.GOOD if set(codes) == {ExitCode.CLEAN} else BisectCode.SKIP


def judge_by_function(result: LabResult, function: str) -> ExitCode:
    """Of a run: did threads get stuck in that function? Threads stuck elsewhere do not count."""
    outcomes = [read_outcome(trace) for trace in result.traces]
    if any(function in outcome.functions for outcome in outcomes):
        return ExitCode.FOUND
    ended_well = result.exit_code in (ExitCode.CLEAN, ExitCode.FOUND)
    if not ended_well or any(outcome.doubts for outcome in outcomes):
        return ExitCode.INCONCLUSIVE
    return ExitCode.CLEAN

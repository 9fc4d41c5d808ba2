"""Several runs of a scenario in a row, one trace each, on Debian's kernel or the user's."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ktrace.errors import ExitCode, UsageError
from ktrace.lab.cache import cache_dir
from ktrace.lab.packages import Kernel, debian_kernel
from ktrace.lab.runner import LabResult, find_scenario
from ktrace.lab.scenario import Scenario
from ktrace.lab.scenarios.squashfs_oom import squashfs_oom

# Of several exit codes the first in this order counts: a failure, something found, a doubt.
_GRAVITY = (ExitCode.USAGE, ExitCode.CANNOT_TRACE, ExitCode.FOUND, ExitCode.INCONCLUSIVE)


def scenario_with(
    name: str,
    *,
    memory_mb: int | None = None,
    other_kernel: bool = False,
    **parameters: float | None,
) -> Scenario:
    """The scenario, with parameters; other_kernel: one that may not have the bug.

    Raises UsageError for a parameter that it has not.
    """
    given = {key: value for key, value in parameters.items() if value is not None}
    scenario = find_scenario(name)
    if given and name != "squashfs-oom":
        options = ", ".join("--" + key.replace("_", "-") for key in given)
        raise UsageError(f"{name} has no {options}", hint="squashfs-oom has")
    if given:
        scenario = squashfs_oom(**given)  # type: ignore[arg-type]
    if memory_mb is not None:
        scenario = replace(scenario, memory_mb=memory_mb)
    if other_kernel and scenario.steps_elsewhere:
        scenario = replace(scenario, steps=scenario.steps_elsewhere)
    return scenario


def kernel_with(kernel: Kernel | None, modules: Sequence[Path]) -> Kernel | None:
    """The kernel, else Debian's, with modules of the user's instead of its own."""
    if not modules:
        return kernel
    return replace(kernel or debian_kernel(cache_dir()), replaced=tuple(modules))


def outputs(output: Path, repeat: int) -> list[Path]:
    """hang.ktrace; of several runs hang-1.ktrace, hang-2.ktrace, ..."""
    if repeat == 1:
        return [output]
    return [
        output.with_name(f"{output.stem}-{number}{output.suffix}")
        for number in range(1, repeat + 1)
    ]


def run_series(
    traces: Sequence[Path], run: Callable[[Path], LabResult], done: Callable[[LabResult], None]
) -> int:
    """Run once for each trace; the gravest exit code."""
    codes = []
    for trace in traces:
        result = run(trace)
        done(result)
        codes.append(result.exit_code)
    return next((code for code in _GRAVITY if code in codes), max(codes))

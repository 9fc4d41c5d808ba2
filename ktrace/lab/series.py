"""Several runs of a scenario in a row, one trace each, on Debian's kernel or the user's."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ktrace.errors import UsageError
from ktrace.lab.arch import AMD64, Arch
from ktrace.lab.build.packages import Kernel, debian_kernel
from ktrace.lab.cache import cache_dir
from ktrace.lab.runner import LabResult, find_scenario
from ktrace.lab.scenario import Scenario
from ktrace.lab.scenarios.squashfs_oom import squashfs_oom
from ktrace.lab.scenarios.squashfs_thrash import squashfs_thrash
from ktrace.verdicts import worst_exit


def scenario_with(
    name: str,
    *,
    memory_mb: int | None = None,
    other_kernel: bool = False,
    kernel_args: str = "",
    **parameters: float | str | None,
) -> Scenario:
    """The scenario, with parameters; other_kernel: one that may not have the bug; kernel_args:
    more for the kernel's command line, in each boot.

    Raises UsageError for a parameter that it has not.
    """
    given = {key: value for key, value in parameters.items() if value is not None}
    scenario = find_scenario(name)
    if given:
        scenario = _made(name, given)
    if memory_mb is not None:
        scenario = replace(scenario, memory_mb=memory_mb)
    if kernel_args:
        boots = tuple(f"{boot} {kernel_args}".strip() for boot in scenario.boots)
        scenario = replace(scenario, boots=boots)
    if other_kernel and scenario.steps_elsewhere:
        scenario = replace(scenario, steps=scenario.steps_elsewhere)
    return scenario


def _made(name: str, given: dict[str, float | str]) -> Scenario:
    make, takes = _PARAMETERS.get(name, (None, ()))
    if unknown := [key for key in given if key not in takes]:
        options = ", ".join("--" + key.replace("_", "-") for key in unknown)
        others = [other for other, (_, known) in _PARAMETERS.items() if {*unknown} & {*known}]
        raise UsageError(f"{name} has no {options}", hint=f"{' and '.join(others)} has")
    assert make is not None
    return make(**given)


_PARAMETERS: dict[str, tuple[Callable[..., Scenario], tuple[str, ...]]] = {
    "squashfs-oom": (squashfs_oom, ("processes", "disk_rate", "seconds")),
    "squashfs-thrash": (squashfs_thrash, ("block", "seconds")),
}


def kernel_with(
    kernel: Kernel | None, modules: Sequence[Path], suite: str = "", arch: Arch = AMD64
) -> Kernel | None:
    """The kernel, else that of a suite of Debian, with modules of the user's instead of its own.

    None, for the lab's own choice, where nothing is asked for.
    """
    if suite or (arch != AMD64 and kernel is None):
        kernel = debian_kernel(cache_dir(), suite, arch)
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
    traces: Sequence[Path], run: Callable[[Path], LabResult], tell: Callable[[LabResult], int]
) -> int:
    """Run once for each trace; the worst of the exit codes that `tell` gives for each result."""
    return worst_exit([tell(run(trace)) for trace in traces])

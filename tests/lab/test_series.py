"""Parameters of scenarios, the user's modules, several runs in a row."""

from pathlib import Path

import pytest

from ktrace.errors import UsageError
from ktrace.lab.build.packages import Kernel
from ktrace.lab.runner import LabResult
from ktrace.lab.scenarios import SCENARIOS
from ktrace.lab.series import kernel_with, outputs, run_series, scenario_with

pytestmark = pytest.mark.unit


def test_names_of_traces() -> None:
    assert outputs(Path("a/x.ktrace"), 1) == [Path("a/x.ktrace")]
    assert outputs(Path("a/x.ktrace"), 2) == [Path("a/x-1.ktrace"), Path("a/x-2.ktrace")]


@pytest.mark.parametrize(
    ("codes", "code"),
    [([0, 0], 0), ([0, 1, 0], 1), ([4, 0], 4), ([4, 1], 1), ([1, 3], 3), ([0, 137], 137)],
)
def test_the_gravest_exit_code(codes: list[int], code: int) -> None:
    left = iter(codes)
    told: list[Path] = []

    def run(trace: Path) -> LabResult:
        return LabResult(next(left), "6.1", (trace,), (), None)

    def tell(result: LabResult) -> int:
        told.extend(result.traces)
        return result.exit_code

    traces = [Path(f"{number}.ktrace") for number in range(len(codes))]
    assert run_series(traces, run, tell) == code
    assert told == traces


def test_parameters() -> None:
    scenario = scenario_with(
        "squashfs-oom", memory_mb=256, processes=8, disk_rate=500, seconds=None
    )
    assert scenario.memory_mb == 256
    assert any(
        step.name == "slow the disk to 500 kB/s, start 8 programs" for step in scenario.steps
    )


def test_a_parameter_that_the_scenario_has_not() -> None:
    with pytest.raises(UsageError, match="squashfs-stall has no --disk-rate"):
        scenario_with("squashfs-stall", disk_rate=500)


def test_another_kernel_need_not_hang() -> None:
    stock = scenario_with("squashfs-stall")
    assert stock is SCENARIOS["squashfs-stall"]
    other = scenario_with("squashfs-stall", other_kernel=True)
    assert [step.name for step in other.steps] == [step.name for step in stock.steps]
    assert other.steps != stock.steps


def test_the_users_modules() -> None:
    kernel = Kernel(Path("bzImage"), Path("modules"))
    assert kernel_with(kernel, []) is kernel
    assert kernel_with(None, []) is None
    own = kernel_with(kernel, [Path("squashfs.ko")])
    assert own is not None
    assert (own.image, own.replaced) == (kernel.image, (Path("squashfs.ko"),))


def test_kernel_arguments_are_added_to_every_boot() -> None:
    boots = scenario_with("bad-ram").boots
    more = scenario_with("bad-ram", kernel_args="slub_debug=FZ").boots
    assert more == tuple(f"{boot} slub_debug=FZ" for boot in boots)
    assert scenario_with("squashfs-stall", kernel_args="x=1").boots == ("x=1",)

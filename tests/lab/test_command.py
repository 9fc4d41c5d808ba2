"""`ktrace lab`, without a guest."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ktrace.commands.lab import lab
from ktrace.commands.lab.arch_option import NAMES
from ktrace.errors import ExitCode, UsageError
from ktrace.lab import runner, series, verdict
from ktrace.lab.arch import ARCHES, ARM64, Arch
from ktrace.lab.build.packages import Kernel
from ktrace.lab.errors import LabError
from ktrace.lab.runner import LabResult, find_scenario, run_scenario
from ktrace.lab.scenario import Scenario

pytestmark = pytest.mark.unit


def test_list() -> None:
    result = CliRunner().invoke(lab, ["list"])
    assert result.exit_code == 0
    assert "squashfs-stall" in result.output


def test_unknown_scenario() -> None:
    with pytest.raises(UsageError, match="no scenario is called nothing") as caught:
        find_scenario("nothing")
    assert "squashfs-stall" in caught.value.hint


def test_kernel_and_modules_go_together(tmp_path: Path) -> None:
    kernel = tmp_path / "vmlinuz"
    kernel.touch()
    result = CliRunner().invoke(lab, ["run", "squashfs-stall", "--kernel", str(kernel)])
    assert isinstance(result.exception, UsageError)


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        run_scenario("squashfs-stall", output=tmp_path / "missing" / "t.ktrace")


def test_a_trace_is_overwritten_only_by_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_kernel(*_: object) -> tuple[int, str]:
        raise LabError("no kernel can be had")

    monkeypatch.setattr(runner, "_run", no_kernel)
    output = tmp_path / "t.ktrace"
    output.write_text("of yesterday\n")
    with pytest.raises(UsageError, match="exists"):
        run_scenario("squashfs-stall", output=output)
    assert output.read_text() == "of yesterday\n"
    with pytest.raises(LabError):
        run_scenario("squashfs-stall", output=output, force=True)
    assert not output.exists()  # what a run that failed leaves is in nobody's way
    with pytest.raises(LabError):
        run_scenario("squashfs-stall", output=output)
    assert not output.exists()


def test_screen_needs_a_terminal(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--screen"):
        run_scenario("squashfs-stall", output=tmp_path / "t.ktrace", screen=True)


def test_exit_code_is_that_of_the_guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ran(name: str, *, output: Path, **_: object) -> LabResult:
        output.write_text("{}\n")
        return LabResult(ExitCode.FOUND, "6.1", (output,), (), None)

    monkeypatch.setattr(runner, "run_scenario", ran)
    output = tmp_path / "t.ktrace"
    result = CliRunner().invoke(lab, ["run", "squashfs-stall", "-o", str(output)])
    assert result.exit_code == ExitCode.FOUND
    assert str(output) in result.output


def test_repeated_runs_of_several_boots_are_each_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[list[str]] = []

    def ran(scenario: Scenario, *, output: Path, **_: object) -> LabResult:
        traces = runner.trace_paths(output, len(scenario.boots))
        for trace in traces:
            trace.write_text("{}\n")
        return LabResult(ExitCode.CLEAN, "6.1", traces, (), None)

    def verdict_over(traces: tuple[Path, ...]) -> ExitCode:
        judged.append([trace.name for trace in traces])
        return ExitCode.FOUND if len(judged) == 1 else ExitCode.CLEAN

    monkeypatch.setattr(runner, "run_scenario", ran)
    monkeypatch.setattr(verdict, "verdict_over", verdict_over)
    output = str(tmp_path / "x.ktrace")
    result = CliRunner().invoke(lab, ["run", "bad-ram", "-o", output, "--repeat", "2"])
    assert judged == [[f"x-{run}-{boot}.ktrace" for boot in (1, 2, 3)] for run in (1, 2)]
    assert result.exit_code == ExitCode.FOUND


def test_a_kernel_of_another_suite_with_a_module_of_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def ran(scenario: Scenario, *, output: Path, **options: object) -> LabResult:
        asked.extend([scenario.steps, options["kernel"]])
        output.write_text("{}\n")
        return LabResult(ExitCode.CLEAN, "6.12", (output,), (), None)

    def debian_kernel(_cache: Path, suite: str, arch: Arch) -> Kernel:
        return Kernel(tmp_path / "vmlinuz", tmp_path, suite=suite, arch=arch)

    monkeypatch.setattr(runner, "run_scenario", ran)
    monkeypatch.setattr(series, "debian_kernel", debian_kernel)
    module = tmp_path / "squashfs.ko"
    module.touch()
    options = ["--suite", "trixie", "--module", str(module), "-o", str(tmp_path / "t.ktrace")]
    options += ["--arch", "arm64"]
    result = CliRunner().invoke(lab, ["run", "squashfs-stall", *options])
    assert result.exit_code == ExitCode.CLEAN
    kernel = Kernel(tmp_path / "vmlinuz", tmp_path, suite="trixie", replaced=(module,), arch=ARM64)
    assert asked == [find_scenario("squashfs-stall").steps_elsewhere, kernel]


def test_the_option_names_every_architecture() -> None:
    assert tuple(ARCHES) == NAMES


def test_a_scenario_that_was_not_made_for_the_architecture(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path / "vmlinuz", tmp_path, arch=ARM64)
    output = tmp_path / "t.ktrace"
    with pytest.raises(UsageError, match="lock-kinds does not run on arm64"):
        run_scenario("lock-kinds", output=output, kernel=kernel)
    with pytest.raises(UsageError, match="bcc for guests of amd64 only"):
        run_scenario("squashfs-stall", output=output, kernel=kernel, bcc=True)
    assert not output.exists()


@pytest.mark.parametrize(("loader", "bcc"), [("libbpf", False), ("bcc", True)])
def test_loader_decides_what_the_guest_has(
    loader: str, bcc: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def ran(name: str, *, output: Path, **options: object) -> LabResult:
        asked.append(options["bcc"])
        output.write_text("{}\n")
        return LabResult(ExitCode.CLEAN, "6.1", (output,), (), None)

    monkeypatch.setattr(runner, "run_scenario", ran)
    output = str(tmp_path / "t.ktrace")
    CliRunner().invoke(lab, ["run", "squashfs-stall", "-o", output, "--loader", loader])
    assert asked == [bcc]

"""`ktrace lab`, without a guest."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ktrace.commands.lab import lab
from ktrace.errors import ExitCode, UsageError
from ktrace.lab import runner
from ktrace.lab.runner import LabResult, find_scenario, run_scenario

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


@pytest.mark.parametrize(("loader", "bcc"), [("libbpf", False), ("bcc", True)])
def test_loader_decides_what_the_guest_has(
    loader: str, bcc: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def ran(name: str, *, output: Path, **options: object) -> LabResult:
        asked.append(options["bcc"])
        output.write_text("{}\n")
        return LabResult(ExitCode.CLEAN, "6.1", output, (), None)

    monkeypatch.setattr(runner, "run_scenario", ran)
    output = str(tmp_path / "t.ktrace")
    CliRunner().invoke(lab, ["run", "squashfs-stall", "-o", output, "--loader", loader])
    assert asked == [bcc]

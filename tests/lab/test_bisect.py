"""`ktrace lab run --bisect`: what git is told of a kernel."""

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ktrace.commands.lab import lab
from ktrace.errors import ExitCode, KtraceError, UsageError
from ktrace.lab import runner
from ktrace.lab.bisect import BisectCode, bisect_code, judge_by_function
from ktrace.lab.build.packages import debian_kernel
from ktrace.lab.cache import cache_dir
from ktrace.lab.errors import GuestDied, LabError
from ktrace.lab.runner import LabResult
from tests.test_examples import EXAMPLES
from tests.tracer import KTRACE, ktrace

RECORDED = EXAMPLES / "validate-a-fix" / "recorded"


def result(code: int, *traces: Path) -> LabResult:
    return LabResult(code, "6.1", traces, (), None)


@pytest.fixture
def bisect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the command with a lab whose runs end as said, one after the other."""

    def run(*endings: int | Exception, options: tuple[str, ...] = ()) -> Result:
        left = iter(endings)

        def ran(name: str, *, output: Path, **_: object) -> LabResult:
            ending = next(left)
            if isinstance(ending, Exception):
                raise ending
            output.write_text("{}\n")
            return result(ending, output)

        monkeypatch.setattr(runner, "run_scenario", ran)
        output = ("-o", str(tmp_path / "t.ktrace"))
        return CliRunner().invoke(lab, ["run", "squashfs-stall", "--bisect", *output, *options])

    return run


@pytest.mark.unit
@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (ExitCode.CLEAN, 0),
        (ExitCode.FOUND, 1),
        (ExitCode.INCONCLUSIVE, 125),  # events lost, a probe missing
        (ExitCode.CANNOT_TRACE, 125),
        (ExitCode.USAGE, 125),
        (139, 125),  # ktrace in the guest crashed
        (GuestDied("Kernel panic"), 125),
        (LabError("the hang has not formed"), 125),
        (UsageError("this kernel lacks 1 option"), 125),
        (KtraceError("anything"), 125),
        (RuntimeError("a bug"), 125),
    ],
)
def test_how_a_run_ends(bisect: Callable[..., Result], ending: int | Exception, code: int) -> None:
    done = bisect(ending)
    assert done.exit_code == code
    assert done.output.endswith(f"bisect: {BisectCode(code).name.lower()}\n")
    if isinstance(ending, Exception):
        assert str(ending) in done.output


@pytest.mark.unit
@pytest.mark.parametrize(
    ("endings", "code"),
    [
        ([0, 1], 1),  # and the third is not run
        ([LabError("no boot"), 1], 1),
        ([4, 0, 0], 125),
        ([0, LabError("no boot"), 0], 125),
        ([0, 0, 0], 0),
    ],
)
def test_one_run_of_several_that_finds_is_enough(
    bisect: Callable[..., Result], endings: list[int | Exception], code: int
) -> None:
    assert bisect(*endings, options=("--repeat", "3")).exit_code == code


@pytest.mark.unit
@pytest.mark.parametrize(
    "options",
    [
        ("--no-such-option",),
        ("--kernel", "/nowhere/bzImage", "--modules", "/"),  # the build made no image
        ("--modules", "/"),
        ("--repeat", "0"),
    ],
)
def test_a_wrong_command_line_does_not_make_a_commit_bad(
    bisect: Callable[..., Result], options: tuple[str, ...]
) -> None:
    done = bisect(options=options)
    assert done.exit_code == 125
    assert done.output


@pytest.mark.unit
def test_a_wrong_command_line_for_the_whole_program() -> None:
    for scenario in ("squashfs-stall", "nothing"):
        done = ktrace("lab", "run", scenario, "--bisect", "--kernel", "/nowhere/bzImage")
        assert (done.returncode, done.stdout) == (125, "")
        assert "/nowhere/bzImage" in done.stderr
    assert ktrace("lab", "run", "nothing", "--bisect").returncode == 125
    assert ktrace("lab", "run", "nothing").returncode == 2


@pytest.mark.unit
def test_ctrl_c_ends_the_bisection_too(tmp_path: Path) -> None:
    """git aborts on codes above 127; 128 + SIGINT is what the command line makes of this."""

    def run(_trace: Path) -> LabResult:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bisect_code([tmp_path], run, lambda _: 0, lambda _: None)


def recorded(tmp_path: Path, name: str) -> Path:
    path = tmp_path / "t.ktrace"
    path.write_bytes(gzip.decompress((RECORDED / f"{name}.ktrace.gz").read_bytes()))
    return path


@pytest.mark.unit
@pytest.mark.parametrize(
    ("name", "function", "code"),
    [
        ("stock/1", "squashfs_cache_get", ExitCode.FOUND),
        ("patched/1", "squashfs_cache_get", ExitCode.CLEAN),  # a filler is stuck elsewhere
        ("patched/1", "submit_bio_wait", ExitCode.FOUND),
    ],
)
def test_only_one_function_counts(tmp_path: Path, name: str, function: str, code: ExitCode) -> None:
    assert judge_by_function(result(1, recorded(tmp_path, name)), function) == code


@pytest.mark.unit
def test_not_stuck_in_the_function_needs_a_run_without_doubt(tmp_path: Path) -> None:
    path = recorded(tmp_path, "patched/1")
    assert judge_by_function(result(4, path), "squashfs_cache_get") == ExitCode.INCONCLUSIVE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:20] + lines[21:]).replace(b"reader", b"REader", 1))
    assert judge_by_function(result(1, path), "squashfs_cache_get") == ExitCode.INCONCLUSIVE


@pytest.mark.unit
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["run", "squashfs-stall", "--in", "f"], "--in goes with --bisect"),
        (["run", "bad-ram", "--bisect", "--in", "f"], "--in is for stuck threads"),
    ],
)
def test_where_a_function_says_nothing(arguments: list[str], why: str) -> None:
    done = ktrace("lab", *arguments)
    assert done.returncode in (2, 125)
    assert why in done.stderr


def in_guest(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.mark.vm
def test_a_kernel_with_the_bug_and_one_that_does_not_boot(tmp_path: Path) -> None:
    kernel = debian_kernel(cache_dir())
    given = ("--kernel", str(kernel.image), "--modules", str(kernel.modules))
    command = (
        *KTRACE,
        "lab",
        "run",
        "squashfs-stall",
        "--bisect",
        "--force",
        "-o",
        str(tmp_path / "t.ktrace"),
        *given,
    )
    done = in_guest(*command, "--in", "squashfs_cache_get")
    assert done.returncode == BisectCode.BAD, done.stderr
    done = in_guest(*command, "--kernel-args", "rdinit=/nothing")
    assert done.returncode == BisectCode.SKIP, done.stderr
    assert "Kernel panic" in done.stderr

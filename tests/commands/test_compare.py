"""ktrace compare as a command: its line, its exit codes; and on this machine's kernel."""

from pathlib import Path

import pytest

from tests import stuck_tasks
from tests.comparison.runs import fixed, hang, quick, trace, victim
from tests.tracer import ktrace, tracer
from tests.views.golden import Golden

RECORDED = "examples/validate-a-fix/recorded"
ROOT = Path(__file__).parents[2]


@pytest.mark.unit
def test_recorded_on_debians_kernel(golden: Golden) -> None:
    done = ktrace("compare", f"{RECORDED}/stock", f"{RECORDED}/patched", cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    golden.check("compare.txt", done.stdout)


@pytest.mark.unit
def test_the_natural_hang_recorded_on_debians_kernel() -> None:
    done = ktrace("compare", f"{RECORDED}-oom/stock", f"{RECORDED}-oom/patched", cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert "AFTER has no victims stuck in squashfs_cache_get any more" in done.stdout
    assert "not covered" not in done.stdout


@pytest.mark.unit
@pytest.mark.parametrize(
    ("before", "after", "verdict", "code"),
    [
        (["stock/1", "stock/2"], ["stock/3"], "not fixed", 1),
        (["stock/1"], ["patched/1"], "not enough data", 4),
        (["patched/1", "patched/2", "patched/3"], ["stock"], "worse", 1),
        (["patched/1"], ["patched/2"], "not fixed", 1),  # the filler
    ],
)
def test_recorded_otherwise(before: list[str], after: list[str], verdict: str, code: int) -> None:
    sides = [
        [f"{RECORDED}/{name}" + (".ktrace.gz" if "/" in name else "") for name in side]
        for side in (before, after)
    ]
    done = ktrace("compare", *sides[0], "vs", *sides[1], cwd=ROOT)
    assert (done.stdout.splitlines()[0], done.returncode) == (f"verdict: {verdict}", code)


@pytest.fixture
def golden() -> Golden:
    return Golden()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, events in (("stock", hang()), ("patched", fixed())):
        (tmp_path / name).mkdir()
        for i in range(3):
            number = hash((name, i))
            trace(tmp_path / name / f"{i}.ktrace", number, events)
    return tmp_path


@pytest.mark.unit
def test_fixed(folder: Path) -> None:
    done = ktrace("compare", str(folder / "stock"), str(folder / "patched"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("verdict: fixed\n")


@pytest.mark.unit
def test_several_of_each(folder: Path) -> None:
    stock = [str(folder / "stock" / f"{i}.ktrace") for i in range(3)]
    patched = [str(folder / "patched" / f"{i}.ktrace") for i in range(3)]
    assert ktrace("compare", *stock, "vs", *patched).returncode == 0
    assert ktrace("compare", *stock[:2], "vs", stock[2]).returncode == 1


@pytest.mark.unit
def test_not_enough_data(folder: Path) -> None:
    stock, patched = folder / "stock" / "0.ktrace", folder / "patched" / "0.ktrace"
    done = ktrace("compare", "--format", "ktap", str(stock), str(patched))
    assert done.returncode == 4
    assert "\nnot ok 2 fixed: victims stuck in squashfs_cache_get # AFTER has no" in done.stdout


@pytest.mark.unit
def test_other_work_is_not_comparable(folder: Path) -> None:
    (folder / "sleeps").mkdir()
    for i in range(3):
        trace(folder / "sleeps" / f"{i}.ktrace", i, quick(victim(20, "sleep")))
    sides = [str(folder / "stock"), str(folder / "sleeps")]
    done = ktrace("compare", *sides)
    assert (done.returncode, done.stdout.splitlines()[0]) == (4, "verdict: not comparable")
    done = ktrace("compare", "--ignore-differences", *sides)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "verdict: fixed")


@pytest.mark.unit
@pytest.mark.parametrize(
    "arguments",
    [["a"], ["a", "vs"], ["vs", "a"], ["a", "b", "c"], ["a", "vs", "b", "vs", "c"]],
)
def test_bad_usage(arguments: list[str]) -> None:
    done = ktrace("compare", *arguments)
    assert done.returncode == 2
    assert "compare takes a BEFORE and an AFTER" in done.stderr


@pytest.mark.unit
def test_something_else_than_a_trace(folder: Path) -> None:
    other = folder / "notes"
    other.write_text("no trace\n")
    done = ktrace("compare", str(folder / "stock"), str(other))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"ktrace: {other} is not a ktrace trace\n"


@pytest.mark.kernel
def test_real_tasks_stuck_before_and_not_after(tmp_path: Path) -> None:
    stock, patched = tmp_path / "stock.ktrace", tmp_path / "patched.ktrace"
    with stuck_tasks.frozen_file_system() as frozen, tracer("--record", str(stock)) as running:
        pid = frozen.writer().pid
        stuck_tasks.kill(pid)
        running.finding("open", pid)
        frozen.thaw()
        running.finding("resolved", pid)
        running.stop()
    with tracer("--record", str(patched)) as running, stuck_tasks.sleeper() as sleeper:
        stuck_tasks.kill(sleeper.pid)
        sleeper.wait(20)
        running.stop()
    done = ktrace("compare", str(stock), str(patched))
    assert done.returncode == 4, done.stdout
    assert done.stdout.startswith("verdict: not comparable\n")
    assert "1 sleep in AFTER (0% of the kills have the same names)" in done.stdout
    done = ktrace("compare", "--ignore-differences", str(stock), str(patched))
    assert done.returncode == 4, done.stdout
    assert "2 more runs of each side would decide" in done.stdout
    assert "no probe on" not in done.stdout  # what the verdict needs is traced on this kernel
    again = ktrace("compare", str(stock), str(stock))
    assert again.returncode == 1
    assert "warning: the same run is on both sides" in again.stdout

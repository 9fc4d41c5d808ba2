"""What differs too much to compare."""

from pathlib import Path

import pytest

from ktrace.comparison.workload import differences
from tests.comparison.runs import fixed, hang, quick, runs, victim

pytestmark = pytest.mark.unit


def test_the_same_work_on_another_kernel(tmp_path: Path) -> None:
    before = runs(tmp_path, "before", hang(), hang())
    after = runs(tmp_path, "after", fixed(), kernel="6.1.0-patched")
    assert differences(before, after) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"machine": "aarch64"}, "other machines: board (aarch64) and board (x86_64)"),
        ({"stuck_after": 2.0}, "recorded with --stuck-after 1, 2"),
        ({"t": 10.0}, "a run's duration: 110s and 20s (medians), more than 3 times apart"),
    ],
)
def test_what_is_told(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    before = runs(tmp_path, "before", hang(), **changes)
    assert differences(before, runs(tmp_path, "after", hang())) == [told]


def test_other_tasks_and_fewer_of_them(tmp_path: Path) -> None:
    before = runs(tmp_path, "before", hang())
    after = runs(tmp_path, "after", quick(victim(5, "sleep")))
    kills, names = differences(before, after)
    assert kills == "the kills of a run: 4 and 1 (medians), more than 3 times apart"
    assert names == (
        "other tasks were killed: 3 reader, 1 filler and 1 sleep; 0% of them have the same names"
    )


def test_mixed_kernels(tmp_path: Path) -> None:
    before = runs(tmp_path, "a", hang()) + runs(tmp_path, "b", hang(), kernel="6.2")
    told = differences(before, runs(tmp_path, "after", hang()))
    assert told == ["BEFORE mixes kernels: 6.1.0-56-cloud-amd64, 6.2"]


def test_the_same_run_on_both_sides(tmp_path: Path) -> None:
    before = runs(tmp_path, "a", hang())
    (told,) = differences(before, before)
    assert told.startswith("1 runs are on both sides")

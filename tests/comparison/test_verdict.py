"""Fixed, not fixed, worse, not enough data, not comparable."""

from pathlib import Path

import pytest

from ktrace.comparison.verdict import Comparison, compare
from ktrace.comparison.verdict_names import FIXED, NOT_COMPARABLE, NOT_ENOUGH, NOT_FIXED, WORSE
from ktrace.events import Event, Lost
from tests.comparison.runs import bad_page, fixed, hang, quick, runs, stuck, victim
from tests.factories import FILLER_STACK, walk

pytestmark = pytest.mark.unit

NOTHING: list[Event] = []
CLEAN = [event for pid in (20, 21, 22) for event in quick(victim(pid), 101.0 + pid)]
CLEAN.append(walk(124.5))  # the last look of a live run
MOVED = [event for pid in (20, 21) for event in stuck(victim(pid), stack=FILLER_STACK)]


def judged(
    folder: Path, before: list[list[Event]], after: list[list[Event]], function: str | None = None
) -> Comparison:
    return compare(runs(folder, "before", *before), runs(folder, "after", *after), function)


def test_fixed(tmp_path: Path) -> None:
    comparison = judged(tmp_path, [hang()] * 3, [fixed()] * 3)
    assert (comparison.verdict, comparison.function) == (FIXED, "squashfs_cache_get")
    assert comparison.target.p_fewer == 0.05
    assert [check.outcome for check in comparison.checks] == ["pass"] * 4


@pytest.mark.parametrize(("count", "missing"), [(1, 2), (2, 1)])
def test_too_few_runs(tmp_path: Path, count: int, missing: int) -> None:
    comparison = judged(tmp_path, [hang()] * count, [fixed()] * count)
    assert (comparison.verdict, comparison.more_runs) == (NOT_ENOUGH, missing)
    assert f"{missing} more run{'s' * (missing > 1)} of each side" in comparison.why


def test_stock_against_stock(tmp_path: Path) -> None:
    comparison = judged(tmp_path, [hang()] * 3, [hang()] * 3)
    assert (comparison.verdict, comparison.more_runs) == (NOT_FIXED, None)


def test_one_stuck_victim_refutes_it_without_any_statistics(tmp_path: Path) -> None:
    assert judged(tmp_path, [hang()], [hang()]).verdict == NOT_FIXED


def test_fewer_is_not_fixed(tmp_path: Path) -> None:
    rare = [*CLEAN, *stuck(victim(40), 120.0)]
    comparison = judged(tmp_path, [hang(False)] * 3, [rare] * 3)
    assert comparison.verdict == NOT_FIXED
    assert comparison.why.endswith("fewer than before (p = 0.05), but not none")


def test_worse(tmp_path: Path) -> None:
    assert judged(tmp_path, [CLEAN] * 3, [hang()] * 3, "squashfs_cache_get").verdict == WORSE


def test_a_hang_that_has_only_moved_is_not_fixed(tmp_path: Path) -> None:
    comparison = judged(tmp_path, [hang(False)] * 3, [MOVED] * 3)
    assert comparison.verdict == NOT_FIXED
    assert comparison.why.endswith("(p = 0.05): the hang has moved")


def test_what_the_fix_uncovers_elsewhere_is_told_and_no_move(tmp_path: Path) -> None:
    before = [event for pid in range(20, 26) for event in stuck(victim(pid))]
    after = [event for pid in range(20, 25) for event in quick(victim(pid), 101.0 + pid)]
    after += stuck(victim(30), 128.0, stack=FILLER_STACK)
    assert judged(tmp_path, [before] * 3, [after] * 3).verdict == FIXED


def test_bad_pages_that_come_with_the_fix_are_worse(tmp_path: Path) -> None:
    comparison = judged(tmp_path, [hang()] * 3, [[*fixed(), bad_page(118.0)]] * 3)
    assert (comparison.verdict, comparison.checks[3].outcome) == (WORSE, "fail")


def test_nothing_to_be_fixed(tmp_path: Path) -> None:
    comparison = judged(tmp_path, [CLEAN] * 3, [CLEAN] * 3)
    assert (comparison.verdict, comparison.more_runs) == (NOT_ENOUGH, None)
    assert "nothing to be fixed" in comparison.why


def test_runs_that_killed_nobody_say_nothing(tmp_path: Path) -> None:
    comparison = judged(tmp_path, [hang()] * 3, [NOTHING] * 3)
    assert (comparison.verdict, comparison.target.after) == (NOT_COMPARABLE, ())
    assert (comparison.differences, comparison.more_runs) == (("AFTER killed nothing",), None)


@pytest.mark.parametrize("sides", [(3, 0), (1, 0), (0, 3)])
def test_without_a_kill_on_one_side_more_runs_promise_nothing(
    tmp_path: Path, sides: tuple[int, int]
) -> None:
    traced = [
        runs(tmp_path, str(i), *[hang()] * count) or runs(tmp_path, str(i), *[NOTHING] * 3)
        for i, count in enumerate(sides)
    ]
    comparison = compare(traced[0], traced[1], ignore_differences=True)
    assert (comparison.verdict, comparison.more_runs) == (NOT_ENOUGH, None)
    assert comparison.why.endswith(" killed anything: nothing was measured")


SLEEPS = [quick(victim(pid, "sleep")) for pid in (20, 21, 22)]


def test_other_work_is_not_fixed_by_it(tmp_path: Path) -> None:
    """Three runs of kill -9 of a sleep, against the squashfs hang."""
    comparison = judged(tmp_path, [hang()] * 3, SLEEPS)
    assert (comparison.verdict, comparison.more_runs) == (NOT_COMPARABLE, None)
    assert comparison.why.startswith(
        "the two sides did not do comparable work: different programs were killed: "
    )
    assert [check.outcome for check in comparison.checks] == ["fail", "error", "skip", "skip"]


def test_other_work_is_not_made_worse(tmp_path: Path) -> None:
    assert judged(tmp_path, SLEEPS, [hang()] * 3).verdict == NOT_COMPARABLE


def test_a_victim_stuck_in_the_same_function_refutes_a_fix_whatever_differs(tmp_path: Path) -> None:
    comparison = judged(tmp_path, [hang()] * 3, [stuck(victim(20, "other"))])
    assert comparison.verdict == NOT_FIXED
    assert any(text.startswith("different programs") for text in comparison.warnings)


def test_differences_can_be_ignored(tmp_path: Path) -> None:
    sides = [runs(tmp_path, name, *all) for name, all in (("a", [hang()] * 3), ("b", SLEEPS))]
    comparison = compare(sides[0], sides[1], ignore_differences=True)
    assert (comparison.verdict, comparison.ignored) == (FIXED, True)
    assert comparison.differences[0].startswith("different programs were killed")
    assert comparison.checks[0].outcome == "skip"


def test_many_more_kills_than_before_are_not_worse_for_one_that_hangs(tmp_path: Path) -> None:
    after = [event for pid in range(20, 29) for event in quick(victim(pid), 101.0 + pid)]
    after += stuck(victim(40), 135.0)
    few = [quick(victim(20))] * 3
    assert judged(tmp_path, few, [after] * 3).verdict == NOT_COMPARABLE
    assert judged(tmp_path, [CLEAN] * 3, [hang(False)] * 3).verdict == WORSE


def test_bad_pages_are_not_fixed_by_shorter_runs(tmp_path: Path) -> None:
    before = runs(tmp_path, "before", *[[bad_page(103.0)]] * 3, t=10.0)
    short, long = (runs(tmp_path, f"after-{t}", *[NOTHING] * 3, t=t) for t in (100.0, 20.0))
    assert compare(before, short).verdict == NOT_COMPARABLE
    assert compare(before, long).verdict == FIXED


def test_a_doubtful_run_is_never_fixed(tmp_path: Path) -> None:
    lossy = [*fixed(), Lost(t=118.0, what="task_state", count=1)]
    comparison = judged(tmp_path, [hang()] * 3, [fixed(), fixed(), lossy])
    assert comparison.verdict == NOT_ENOUGH
    assert "1 event lost" in comparison.why


def test_a_doubtful_run_can_refute(tmp_path: Path) -> None:
    lossy = [*hang(), Lost(t=118.0, what="task_state", count=1)]
    assert judged(tmp_path, [hang()] * 3, [lossy] * 3).verdict == NOT_FIXED


def test_bad_pages_are_judged_where_nobody_is_stuck(tmp_path: Path) -> None:
    bad = [*CLEAN, bad_page(130.0)]
    comparison = judged(tmp_path, [bad] * 3, [CLEAN] * 3)
    assert (comparison.verdict, comparison.target.name) == (FIXED, "bad-pages")


def test_the_function_can_be_chosen(tmp_path: Path) -> None:
    comparison = judged(tmp_path, [hang()] * 3, [fixed()] * 3, "submit_bio_wait")
    assert comparison.verdict == NOT_FIXED

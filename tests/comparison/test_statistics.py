"""The exact test, against values that can be counted by hand, and against brute force."""

import itertools
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrace.comparison.statistics import (
    p_higher,
    p_lower,
    p_lower_of_many,
    quantile,
    runs_missing,
)

pytestmark = pytest.mark.unit

VALUES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=4)


def test_three_and_three_apart_is_one_way_in_twenty() -> None:
    assert p_lower([0.9, 0.8, 0.7], [0.0, 0.1, 0.2]) == 1 / 20
    assert p_higher([0.9, 0.8, 0.7], [0.0, 0.1, 0.2]) == 1.0


def test_ties() -> None:
    assert p_lower([1, 1, 1], [0, 0, 0]) == 1 / 20
    assert p_lower([0, 0, 0], [0, 0, 0]) == 1.0


def test_nothing_to_compare() -> None:
    assert p_lower([], [0.0]) == 1.0
    assert p_lower([1.0], []) == 1.0


@given(VALUES, VALUES)
def test_as_counted_by_brute_force(before: list[float], after: list[float]) -> None:
    values = [*before, *after]
    ordered = sorted(values)
    ranks = [
        statistics.mean(i for i, other in enumerate(ordered) if other == value) for value in values
    ]
    sums = [sum(chosen) for chosen in itertools.combinations(ranks, len(after))]
    observed = sum(ranks[len(before) :])
    expected = sum(total <= observed for total in sums) / len(sums)
    assert math.isclose(p_lower(before, after), expected)


@given(VALUES, VALUES)
def test_higher_is_lower_seen_from_the_other_side(before: list[float], after: list[float]) -> None:
    assert math.isclose(p_higher(before, after), p_lower(after, before))


@pytest.mark.parametrize(
    ("before", "after", "missing"),
    [
        ([1.0], [0.0], 2),
        ([1.0, 1.0], [0.0, 0.0], 1),
        ([1.0] * 3, [0.0] * 3, 0),
        ([1.0] * 3, [], None),
        ([], [0.0] * 3, None),
        ([0.5], [0.5], None),
    ],
)
def test_runs_missing(before: list[float], after: list[float], missing: int | None) -> None:
    assert runs_missing(before, after) == missing


def test_quantiles_are_values_that_occurred() -> None:
    assert quantile([1, 2, 3, 4], 0.5) == 2
    assert quantile([*range(1, 101)], 0.95) == 95
    assert quantile([7.0], 0.95) == 7.0


@given(
    st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.7, 0.9, 1.0]), min_size=15, max_size=20),
    st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.8, 1.0]), min_size=15, max_size=20),
)
def test_many_are_as_the_exact_test_says(before: list[float], after: list[float]) -> None:
    """Never a smaller p than by counting where it would be called significant."""
    exact, normal = p_lower(before, after), p_lower_of_many(before, after)
    if normal <= 0.05:
        assert exact <= 0.06


def test_many_without_ties_are_as_the_exact_test_says() -> None:
    before, after = [i / 17 for i in range(20)], [i / 19 - 0.2 for i in range(20)]
    assert p_lower_of_many(before, after) == pytest.approx(p_lower(before, after), abs=0.001)


def test_many_that_are_all_equal() -> None:
    assert p_lower_of_many([0.5] * 20, [0.5] * 20) == 1.0

"""The histogram."""

import pytest

from ktrace.views.compare_plot import plot

pytestmark = pytest.mark.unit


def test_only_the_range_that_is_used() -> None:
    lines = plot([10.0, 12.0], [0.004])
    assert lines[0].split() == ["BEFORE,", "2", "kills", "AFTER,", "1", "kill"]
    assert [line.split("|")[0].strip() for line in lines[1:]] == [
        "3 ms to 10 ms",
        "10 ms to 30 ms",
        "30 ms to 100 ms",
        "100 ms to 300 ms",
        "300 ms to 1 s",
        "1 s to 3 s",
        "3 s to 10 s",
        "10 s to 30 s",
    ]
    assert lines[1].endswith("|" + "#" * 22 + " 1")
    assert lines[-1].endswith("|" + "#" * 22 + " 2   |")


def test_few_are_not_hidden_by_many() -> None:
    lines = plot([0.5] * 1000 + [20.0], [])
    assert "|# 1 " in lines[-1]


def test_ends_of_the_scale() -> None:
    text = "\n".join(plot([0.0, 1e6], [0.001]))
    assert "under 3 ms" in text
    assert "from 300 s" in text


def test_nothing() -> None:
    assert plot([], []) == []


def test_it_fits_a_terminal() -> None:
    times = [0.001 * 3**i for i in range(14)]
    assert max(map(len, plot(times * 1000, times))) <= 80

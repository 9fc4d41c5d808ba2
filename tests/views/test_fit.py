"""Lines of a report."""

import pytest

from ktrace.views.fit import WIDTH, fit, wrapped

pytestmark = pytest.mark.unit


def test_a_short_line_stays_as_it_is() -> None:
    assert fit("  1.000s  two   spaces") == ["  1.000s  two   spaces"]


def test_a_long_line_is_continued_further_in() -> None:
    lines = fit("  " + "word " * 50)
    assert all(len(line) <= WIDTH for line in lines)
    assert [line[: len(line) - len(line.lstrip())] for line in lines] == ["  ", *["      "] * 2]


def test_a_long_word_is_not_cut() -> None:
    assert "/x" * 80 in fit("cgroup " + "/x" * 80)[1]


def test_a_number_stays_with_its_unit() -> None:
    assert wrapped("x" * 97 + " 12 MiB", "", "")[1] == "12 MiB"

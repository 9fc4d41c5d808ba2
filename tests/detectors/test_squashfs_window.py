"""Counts of the last seconds, and quantiles of a histogram."""

from __future__ import annotations

import pytest

from ktrace.detectors.squashfs_window import Window, quantile_s
from tests.squashfs import cache_use, read, waited

pytestmark = pytest.mark.unit


def test_what_has_grown_in_the_window() -> None:
    window = Window(100.0, cache_use())
    for second in range(1, 21):
        window.add(100.0 + second, read(10 * second, second))
    recent = window.recent(120.0)
    assert (recent.use.fills, recent.use.again, recent.over_s) == (100, 10, 10.0)
    assert recent.use.disk_s == pytest.approx(6.0)
    assert window.recent(125.0).use.fills == 50
    assert window.recent(131.0).use.fills == 0


def test_the_beginning_is_shorter() -> None:
    window = Window(100.0, cache_use())
    window.add(102.0, waited())
    recent = window.recent(102.0)
    assert (recent.over_s, recent.use.fills, recent.use.slept) == (2.0, 40, waited().slept)
    window.add(103.0, waited())
    assert sum(window.recent(112.5).use.slept) == 0


def test_what_does_not_add_up_stays() -> None:
    window = Window(100.0, cache_use())
    window.add(102.0, waited())
    use = window.recent(102.0).use
    assert (use.entries, use.block_size, use.state) == (3, 1 << 20, waited().state)


@pytest.mark.parametrize(
    ("slots", "share", "seconds"),
    [
        ((), 0.5, None),
        ((0, 0), 0.5, None),
        ((1,), 0.5, 2e-6),
        ((0, 9, 1), 0.9, 4e-6),
        ((0, 9, 1), 0.95, 8e-6),
    ],
)
def test_quantiles_are_the_end_of_a_slot(
    slots: tuple[int, ...], share: float, seconds: float | None
) -> None:
    assert quantile_s(slots, share) == seconds

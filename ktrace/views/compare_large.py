"""Large allocations of two sides, as rows of the table of both."""

from collections.abc import Callable, Sequence

from ktrace.comparison.large_allocations import LargeCounts, sum_of
from ktrace.comparison.runs import Run
from ktrace.views import words

_CELLS: tuple[tuple[str, Callable[[LargeCounts], str]], ...] = (
    ("large allocations", lambda side: f"{side.calls} ({words.size(side.bytes)})"),
    ("  failed", lambda side: str(side.failed)),
    ("  fell back to smaller ones", lambda side: str(side.fell_back)),
    ("  waited for memory", lambda side: f"{side.waited} ({words.seconds(side.waited_s)})"),
)


def rows(before: Sequence[Run], after: Sequence[Run]) -> list[tuple[str, str, str]]:
    """Nothing where neither side traced them."""
    old, new = (sum_of([run.large for run in side]) for side in (before, after))
    if old is None and new is None:
        return []
    return [(name, words.measured(old, of), words.measured(new, of)) for name, of in _CELLS]

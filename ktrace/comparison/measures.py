"""What is measured in each run: shares of the victims that got stuck, and bad pages."""

from collections import Counter
from collections.abc import Callable, Sequence

from ktrace.comparison import statistics
from ktrace.comparison.runs import Run, function_of_victim
from ktrace.comparison.workload import Claim
from ktrace.record import record

_BAD_PAGES = "bad-pages"


@record
class Measure:
    """What is measured in each run, and the test of its values. Only runs that say something
    about it count: a run without a kill tells nothing of stuck victims."""

    name: str
    what: str  # a sentence without its subject: "victims stuck in squashfs_cache_get"
    before: tuple[float, ...]
    after: tuple[float, ...]

    @property
    def p_fewer(self) -> float:
        return statistics.p_lower(self.before, self.after)

    @property
    def p_more(self) -> float:
        return statistics.p_higher(self.before, self.after)

    @property
    def decreased(self) -> bool:
        return self.p_fewer <= statistics.ALPHA

    @property
    def increased(self) -> bool:
        return self.p_more <= statistics.ALPHA

    @property
    def of_pages(self) -> bool:
        """Bad pages, which come with time; not victims."""
        return self.name == _BAD_PAGES

    @property
    def fewer(self) -> Claim:
        """What is claimed when it has decreased."""
        return Claim.FEWER_BAD_PAGES if self.of_pages else Claim.FEWER_STUCK

    @property
    def more(self) -> Claim:
        """What is claimed when it has increased."""
        return Claim.MORE_BAD_PAGES if self.of_pages else Claim.MORE_STUCK


def worst_function(runs: Sequence[Run]) -> str | None:
    """Where most victims were stuck; of equals, the first in the alphabet."""
    stuck = Counter(function_of_victim(victim) for run in runs for victim in run.stuck)
    del stuck[""]
    return min(stuck, key=lambda name: (-stuck[name], name), default=None)


def stuck_in(function: str, before: Sequence[Run], after: Sequence[Run]) -> Measure:
    return _share(
        "stuck-in-function",
        f"victims stuck in {function}",
        before,
        after,
        lambda run: run.stuck_in(function),
    )


def elsewhere(function: str, before: Sequence[Run], after: Sequence[Run]) -> Measure:
    return _share(
        "stuck-elsewhere",
        f"victims stuck elsewhere than in {function}",
        before,
        after,
        lambda run: len(run.stuck) - run.stuck_in(function),
    )


def stuck_anywhere(before: Sequence[Run], after: Sequence[Run]) -> Measure:
    return _share("stuck", "victims stuck", before, after, lambda run: len(run.stuck))


def _share(
    name: str,
    what: str,
    before: Sequence[Run],
    after: Sequence[Run],
    count: Callable[[Run], int],
) -> Measure:
    """Of each run's victims."""
    values = [
        tuple(count(run) / len(run.victims) for run in runs if run.victims)
        for runs in (before, after)
    ]
    return Measure(name, what, values[0], values[1])


def bad_pages(before: Sequence[Run], after: Sequence[Run]) -> Measure:
    values = [
        tuple(float(run.bad_pages) for run in runs if run.bad_pages is not None)
        for runs in (before, after)
    ]
    return Measure(_BAD_PAGES, "bad pages", values[0], values[1])

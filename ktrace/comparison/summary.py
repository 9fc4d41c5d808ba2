"""What one side of a comparison adds up to."""

from collections import Counter
from collections.abc import Iterable, Sequence

from ktrace.comparison.runs import Run
from ktrace.comparison.statistics import quantile
from ktrace.detectors.kills import Kill, Place
from ktrace.record import record


@record
class Times:
    """Of seconds from SIGKILL to death: how they are distributed. A victim that outlived its
    trace, or was killed before it, counts with the time that it was seen: at least so long."""

    count: int
    at_least: int  # how many of them are lower bounds
    median_s: float
    p95_s: float
    max_s: float


@record
class AtPlace:
    """The stuck victims that were longest at one place."""

    function: str  # "": not known
    primitive: str
    stuck: int
    times: Times


@record
class Side:
    """BEFORE or AFTER, all runs taken together."""

    runs: int
    duration_s: float
    kills: int
    kills_by_oom: int | None  # None, here and below: not measured in any of the runs
    unseen: int
    stuck: int
    times: Times | None
    places: tuple[AtPlace, ...]  # most stuck victims first
    died_by: dict[str, int]  # signal number, "alive" or "unknown"
    oom_invocations: int | None
    oom_kills: int | None
    bad_pages: int | None
    names: dict[str, int]

    @property
    def invocations_per_kill(self) -> float | None:
        if self.oom_invocations is None or not self.oom_kills:
            return None
        return self.oom_invocations / self.oom_kills


def sum_up(runs: Sequence[Run]) -> Side:
    victims = [victim for run in runs for victim in run.victims]
    stuck = [victim for run in runs for victim in run.stuck]
    return Side(
        runs=len(runs),
        duration_s=round(sum(run.duration_s for run in runs), 6),
        kills=len(victims),
        kills_by_oom=_total(map(_kills_by_oom, runs)),
        unseen=sum(run.unseen for run in runs),
        stuck=len(stuck),
        times=times_of(victims),
        places=_places(stuck),
        died_by=dict(Counter(map(_end, victims)).most_common()),
        oom_invocations=_total(run.oom_invocations for run in runs),
        oom_kills=_total(run.oom_kills for run in runs),
        bad_pages=_total(run.bad_pages for run in runs),
        names=dict(sum((run.names for run in runs), Counter()).most_common()),
    )


def _total(counts: Iterable[int | None]) -> int | None:
    """Of the runs that measured it; None where none did."""
    measured = [count for count in counts if count is not None]
    return sum(measured) if measured else None


def _kills_by_oom(run: Run) -> int | None:
    count = sum(victim.by == "oom" for victim in run.victims)
    return None if run.oom_kills is None and not count else count


def times_of(victims: Sequence[Kill]) -> Times | None:
    """None for no victims."""
    if not victims:
        return None
    ordered = sorted(victim.after_s for victim in victims)
    return Times(
        count=len(ordered),
        at_least=sum(not victim.exact for victim in victims),
        median_s=quantile(ordered, 0.5),
        p95_s=quantile(ordered, 0.95),
        max_s=ordered[-1],
    )


def _places(stuck: Sequence[Kill]) -> tuple[AtPlace, ...]:
    by_place: dict[Place, list[Kill]] = {}
    for victim in stuck:
        by_place.setdefault(victim.place or Place("", ""), []).append(victim)
    ordered = sorted(by_place.items(), key=lambda item: (-len(item[1]), item[0]))
    places = []
    for place, victims in ordered:
        times = times_of(victims)
        assert times is not None
        places.append(AtPlace(place.function, place.primitive, len(victims), times))
    return tuple(places)


def _end(victim: Kill) -> str:
    if victim.alive:
        return "alive"
    return "unknown" if victim.exit_signal is None else str(victim.exit_signal)

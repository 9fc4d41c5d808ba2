"""Did the two sides do comparable work? What differs, and which claims that rules out."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from enum import Flag, auto
from statistics import median

from ktrace.comparison.runs import Run
from ktrace.plural import count
from ktrace.record import record

RATIO = 3.0  # medians further apart than this are not comparable
SHARED = 0.5  # of the killed, by name, that both sides must have in common
CAUSE = 0.5  # how far the shares of kills by the OOM killer may be apart


class Claim(Flag):
    """What a comparison can say about AFTER."""

    FEWER_STUCK = auto()
    MORE_STUCK = auto()
    FEWER_BAD_PAGES = auto()
    MORE_BAD_PAGES = auto()


NO_CLAIM = Claim(0)
_STUCK = Claim.FEWER_STUCK | Claim.MORE_STUCK
_ALL = _STUCK | Claim.FEWER_BAD_PAGES | Claim.MORE_BAD_PAGES


@record
class Difference:
    """Something that is not alike on both sides."""

    text: str
    rules_out: Claim = NO_CLAIM  # then it is only a warning


def differences(
    before: Sequence[Run], after: Sequence[Run], function: str | None = None
) -> list[Difference]:
    """What differs. function: where the bug is. Another kernel is what a comparison is for."""
    return [
        *_different_names(before, after),
        *_different_kills(before, after),
        *_different_causes(before, after),
        *_different_durations(before, after),
        *_different_limits([*before, *after]),
        *_unreached(function, before, after),
        *_same_runs(before, after),
        *_different_machines(before, after),
        *_mixed_kernels("BEFORE", before),
        *_mixed_kernels("AFTER", after),
    ]


def machine_differences(before: Sequence[Run], after: Sequence[Run]) -> list[str]:
    """Of the machines, their kernels and the time: each is only a warning."""
    found = [
        *_different_durations(before, after),
        *_different_machines(before, after),
        *_mixed_kernels("BEFORE", before),
        *_mixed_kernels("AFTER", after),
    ]
    return [difference.text for difference in found]


def same_runs(before: Sequence[Run], after: Sequence[Run]) -> list[str]:
    return [difference.text for difference in _same_runs(before, after)]


def _different_names(before: Sequence[Run], after: Sequence[Run]) -> list[Difference]:
    old, new = _names(before), _names(after)
    if not old or not new:
        return []
    shared = sum(
        min(old[name] / old.total(), new[name] / new.total()) for name in old.keys() & new.keys()
    )
    if shared >= SHARED:
        return []
    text = (
        f"different programs were killed: {_most(old)} in BEFORE, {_most(new)} in AFTER "
        f"({shared:.0%} of the kills have the same names)"
    )
    return [Difference(text, _ALL)]


def _different_kills(before: Sequence[Run], after: Sequence[Run]) -> list[Difference]:
    """The side with fewer kills had less opportunity to hang."""
    old, new = _medians(before, after, lambda run: len(run.victims))
    killed = [any(run.victims for run in runs) for runs in (before, after)]
    if not any(killed):
        return []
    if not all(killed):
        return [Difference(f"{_side(killed[0])} killed nothing", _STUCK)]
    return _far_apart("kills per run", "", old, new, Claim.FEWER_STUCK, Claim.MORE_STUCK)


def _different_causes(before: Sequence[Run], after: Sequence[Run]) -> list[Difference]:
    """OOM kills happen under memory pressure, kill(1) need not."""
    old, new = _share_by_oom(before), _share_by_oom(after)
    if old is None or new is None or abs(old - new) <= CAUSE:
        return []
    text = f"the OOM killer made {old:.0%} of the kills in BEFORE, {new:.0%} in AFTER"
    return [Difference(text, _STUCK)]


def _different_durations(before: Sequence[Run], after: Sequence[Run]) -> list[Difference]:
    """A hang makes a run longer, so the time counts only for what comes with time."""
    old, new = _medians(before, after, lambda run: run.duration_s)
    fewer, more = Claim.FEWER_BAD_PAGES, Claim.MORE_BAD_PAGES
    return _far_apart("duration of a run", " s", old, new, fewer, more)


def _different_limits(runs: Sequence[Run]) -> list[Difference]:
    limits = {run.stuck_after for run in runs}
    if len(limits) < 2:
        return []
    given = _listed(f"{limit:g}" for limit in limits)
    text = f"recorded with --stuck-after {given}: give compare a --stuck-after for all runs"
    return [Difference(text, _STUCK)]


def _unreached(
    function: str | None, before: Sequence[Run], after: Sequence[Run]
) -> list[Difference]:
    """A function in a module that was never loaded cannot hang anybody."""
    if function is None or not any(_state(run, function) == "attached" for run in before):
        return []
    states = [_state(run, function) for run in after]
    if "waiting" in states:
        runs = f"{states.count('waiting')} of {count(len(states), 'run')}"
        text = f"{function}() could not be reached in {runs} of AFTER: its module was not loaded"
        return [Difference(text, Claim.FEWER_STUCK)]
    if any(state != "attached" for state in states):
        text = f"{function}() had no probe in AFTER: whether it was called is not known"
        return [Difference(text)]
    return []


def _same_runs(before: Sequence[Run], after: Sequence[Run]) -> list[Difference]:
    keys = {(run.session.boot_id, run.session.t) for run in before}
    both = [run.file for run in after if (run.session.boot_id, run.session.t) in keys]
    if not both:
        return []
    return [Difference(f"the same run is on both sides: {_listed(both)}", _ALL)]


def _different_machines(before: Sequence[Run], after: Sequence[Run]) -> list[Difference]:
    old = {f"{run.session.host} ({run.session.machine})" for run in before}
    new = {f"{run.session.host} ({run.session.machine})" for run in after}
    return [] if old == new else [Difference(f"other machines: {_listed(old)} and {_listed(new)}")]


def _mixed_kernels(side: str, runs: Sequence[Run]) -> list[Difference]:
    kernels = {run.session.kernel for run in runs}
    return [Difference(f"{side} mixes kernels: {_listed(kernels)}")] if len(kernels) > 1 else []


def _far_apart(
    what: str, unit: str, old: float, new: float, fewer: Claim, more: Claim
) -> list[Difference]:
    """fewer: what cannot be claimed when AFTER has too little of it, more: when BEFORE has."""
    if max(old, new) <= RATIO * min(old, new):
        return []
    values = f"{old:.3g}{unit} in BEFORE, {new:.3g}{unit} in AFTER"
    text = f"{what}: {values} (medians), more than {RATIO:g} times apart"
    return [Difference(text, fewer if new < old else more)]


def _medians(
    before: Sequence[Run], after: Sequence[Run], of: Callable[[Run], float]
) -> tuple[float, float]:
    return median(map(of, before)), median(map(of, after))


def _share_by_oom(runs: Sequence[Run]) -> float | None:
    """None where there were no kills, or where nobody saw who made them."""
    victims = [victim for run in runs for victim in run.victims]
    if not victims or any(run.oom_kills is None for run in runs):
        return None
    return sum(victim.by == "oom" for victim in victims) / len(victims)


def _state(run: Run, function: str) -> str:
    return run.probes.get(function, "missing")


def _side(before_did: bool) -> str:
    return "AFTER" if before_did else "BEFORE"


def _names(runs: Sequence[Run]) -> Counter[str]:
    return sum((run.names for run in runs), Counter())


def _most(names: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in names.most_common(3))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))

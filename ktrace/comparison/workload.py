"""Were the two sides put to the same work? What differs too much to compare."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import median

from ktrace.comparison.runs import Run

RATIO = 3.0  # medians that differ by more are told
SHARED = 0.5  # of the killed, by name, that both sides must have in common


def differences(before: Sequence[Run], after: Sequence[Run]) -> list[str]:
    """Warnings, in words. A change of the kernel's release is what a comparison is for."""
    return [
        *_different_machines(before, after),
        *_mixed_kernels("BEFORE", before),
        *_mixed_kernels("AFTER", after),
        *_far_apart("a run's duration", "s", before, after, lambda run: run.duration_s),
        *_far_apart("the kills of a run", "", before, after, lambda run: len(run.victims)),
        *_different_names(before, after),
        *_different_limits([*before, *after]),
        *_same_runs(before, after),
    ]


def _different_machines(before: Sequence[Run], after: Sequence[Run]) -> list[str]:
    old = {f"{run.session.host} ({run.session.machine})" for run in before}
    new = {f"{run.session.host} ({run.session.machine})" for run in after}
    return [] if old == new else [f"other machines: {_listed(old)} and {_listed(new)}"]


def _mixed_kernels(side: str, runs: Sequence[Run]) -> list[str]:
    kernels = {run.session.kernel for run in runs}
    return [f"{side} mixes kernels: {_listed(kernels)}"] if len(kernels) > 1 else []


def _far_apart(
    what: str,
    unit: str,
    before: Sequence[Run],
    after: Sequence[Run],
    of: Callable[[Run], float],
) -> list[str]:
    old, new = median(map(of, before)), median(map(of, after))
    if max(old, new) <= RATIO * min(old, new):
        return []
    return [f"{what}: {old:g}{unit} and {new:g}{unit} (medians), more than {RATIO:g} times apart"]


def _different_names(before: Sequence[Run], after: Sequence[Run]) -> list[str]:
    old, new = _names(before), _names(after)
    if not old or not new:
        return []
    shared = sum(
        min(old[name] / old.total(), new[name] / new.total()) for name in old.keys() & new.keys()
    )
    if shared >= SHARED:
        return []
    return [
        f"other tasks were killed: {_most(old)} and {_most(new)}; "
        f"{shared:.0%} of them have the same names"
    ]


def _different_limits(runs: Sequence[Run]) -> list[str]:
    limits = {run.stuck_after for run in runs}
    if len(limits) < 2:
        return []
    return [f"recorded with --stuck-after {_listed(f'{limit:g}' for limit in limits)}"]


def _same_runs(before: Sequence[Run], after: Sequence[Run]) -> list[str]:
    keys = {(run.session.boot_id, run.session.t) for run in before}
    both = [run.file for run in after if (run.session.boot_id, run.session.t) in keys]
    return [f"{len(both)} runs are on both sides, as {both[0]}"] if both else []


def _names(runs: Sequence[Run]) -> Counter[str]:
    return sum((run.names for run in runs), Counter())


def _most(names: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in names.most_common(3))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))

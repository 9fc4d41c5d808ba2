"""Fixed, not fixed, worse, or not enough data: the rules of a comparison."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ktrace.comparison import statistics
from ktrace.comparison.runs import Run, function_of_victim
from ktrace.comparison.workload import differences

FIXED, NOT_FIXED, WORSE, NOT_ENOUGH = "fixed", "not fixed", "worse", "not enough data"


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Check:
    """One question that a CI system gets an answer to."""

    name: str
    outcome: str  # pass, fail, skip
    why: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdict, and all that it rests on."""

    before: tuple[Run, ...]
    after: tuple[Run, ...]
    function: str | None  # where the bug is; None: bad pages, or nothing was found in BEFORE
    target: Measure
    elsewhere: Measure | None  # victims stuck in other functions, which it must not have moved to
    guards: tuple[Measure, ...]  # what must not have become more
    verdict: str
    why: str
    more_runs: int | None  # of each side, to decide; None: not known, or nothing to decide
    warnings: tuple[str, ...]

    @property
    def checks(self) -> tuple[Check, ...]:
        return (
            Check(
                "same workload",
                "skip" if self.warnings else "pass",
                "; ".join(self.warnings),
            ),
            Check(f"fixed: {self.target.what}", _OUTCOME[self.verdict], self.why),
            *(_guard_check(guard) for guard in self.guards),
        )


_OUTCOME = {FIXED: "pass", NOT_FIXED: "fail", WORSE: "fail", NOT_ENOUGH: "skip"}


def compare(
    before: Sequence[Run],
    after: Sequence[Run],
    function: str | None = None,
    warnings: Sequence[str] = (),
) -> Comparison:
    """Judge the runs by `function`, else by the one in which most of BEFORE's victims were stuck,
    else by bad pages. Neither side may be empty."""
    function = function or _worst_function(before)
    anywhere, bad_pages = _stuck_anywhere(before, after), _bad_pages(before, after)
    target = anywhere
    elsewhere: Measure | None = None
    guards: tuple[Measure, ...] = (bad_pages,)
    if function is not None:
        target, elsewhere = _stuck_in(function, before, after), _elsewhere(function, before, after)
        guards = (anywhere, bad_pages)
    elif any(run.bad_pages for run in before):
        target, guards = bad_pages, (anywhere,)
    verdict, why = _judge(target, elsewhere, guards, after)
    missing = statistics.runs_missing(target.before, target.after)
    return Comparison(
        before=tuple(before),
        after=tuple(after),
        function=function,
        target=target,
        elsewhere=elsewhere,
        guards=guards,
        verdict=verdict,
        why=why,
        more_runs=missing if verdict == NOT_ENOUGH and missing and any(target.before) else None,
        warnings=(*warnings, *differences(before, after)),
    )


def _judge(
    target: Measure, elsewhere: Measure | None, guards: Sequence[Measure], after: Sequence[Run]
) -> tuple[str, str]:
    """The verdict and its reason. One stuck victim refutes "fixed"; only a test affirms it."""
    for measure in (target, *guards):
        if measure.increased:
            return WORSE, f"more {measure.what} than before (p = {measure.p_more:.2g})"
    if not target.before:
        return NOT_ENOUGH, "no run of BEFORE killed anything: nothing was measured"
    if not any(target.before):
        return NOT_ENOUGH, f"BEFORE has no {target.what}: there is nothing to be fixed"
    if any(target.after):
        return NOT_FIXED, f"AFTER has {target.what}: {_degree(target)}"
    if target.p_fewer > statistics.ALPHA:
        return NOT_ENOUGH, _how_many_more(target)
    if elsewhere is not None and elsewhere.increased and not guards[0].decreased:
        return NOT_FIXED, (
            f"AFTER has no {target.what}, but more {elsewhere.what} "
            f"(p = {elsewhere.p_more:.2g}): the hang has moved"
        )
    doubtful = next((run for run in after if run.doubts), None)
    if doubtful is not None:
        doubt = doubtful.doubts[0]
        return NOT_ENOUGH, f"AFTER has no {target.what}, but {doubtful.file} is in doubt: {doubt}"
    return FIXED, f"AFTER has no {target.what} any more (p = {target.p_fewer:.2g})"


def _degree(target: Measure) -> str:
    if target.decreased:
        return f"fewer than before (p = {target.p_fewer:.2g}), but not none"
    return f"as before, as far as these runs can tell (p = {target.p_fewer:.2g})"


def _how_many_more(target: Measure) -> str:
    counts = f"{len(target.before)} and {len(target.after)} runs that count"
    text = f"AFTER has no {target.what}, but with {counts} that may be luck"
    text += f" (p = {target.p_fewer:.2g}, to be at most {statistics.ALPHA})"
    missing = statistics.runs_missing(target.before, target.after)
    if missing is None:
        return f"{text}; more than a dozen runs of each are missing"
    return f"{text}; {missing} more of each, should they come out alike, would decide"


def _worst_function(runs: Sequence[Run]) -> str | None:
    """Where most victims were stuck; of equals, the first in the alphabet."""
    stuck = Counter(function_of_victim(victim) for run in runs for victim in run.stuck)
    del stuck[""]
    return min(stuck, key=lambda name: (-stuck[name], name), default=None)


def _stuck_in(function: str, before: Sequence[Run], after: Sequence[Run]) -> Measure:
    return _share(
        "stuck-in-function",
        f"victims stuck in {function}",
        before,
        after,
        lambda run: run.stuck_in(function),
    )


def _elsewhere(function: str, before: Sequence[Run], after: Sequence[Run]) -> Measure:
    return _share(
        "stuck-elsewhere",
        f"victims stuck elsewhere than in {function}",
        before,
        after,
        lambda run: len(run.stuck) - run.stuck_in(function),
    )


def _stuck_anywhere(before: Sequence[Run], after: Sequence[Run]) -> Measure:
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


def _bad_pages(before: Sequence[Run], after: Sequence[Run]) -> Measure:
    values = [
        tuple(float(run.bad_pages) for run in runs if run.bad_pages is not None)
        for runs in (before, after)
    ]
    return Measure("bad-pages", "bad pages", values[0], values[1])


def _guard_check(guard: Measure) -> Check:
    name = f"no more {guard.what}"
    if not guard.before or not guard.after:
        return Check(name, "skip", "not measured on both sides")
    if guard.increased:
        return Check(name, "fail", f"more than before (p = {guard.p_more:.2g})")
    return Check(name, "pass", f"p = {guard.p_more:.2g}")

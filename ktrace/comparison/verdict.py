"""Fixed, not fixed, worse, or neither can be said: the rules of a comparison."""

from collections.abc import Sequence
from functools import partial, reduce
from operator import or_

from ktrace.comparison import measures, squashfs, statistics
from ktrace.comparison.measures import Measure
from ktrace.comparison.runs import SQUASHFS, Run
from ktrace.comparison.verdict_names import (
    BETTER,
    FIXED,
    NOT_COMPARABLE,
    NOT_ENOUGH,
    NOT_FIXED,
    WORSE,
)
from ktrace.comparison.workload import (
    NO_CLAIM,
    Claim,
    Difference,
    differences,
    machine_differences,
    same_runs,
)
from ktrace.plural import count
from ktrace.record import record


@record
class Check:
    """One question that a CI system gets an answer to."""

    name: str
    outcome: str  # pass, fail, error (no answer to the main question), skip
    why: str


@record
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
    differences: tuple[str, ...]  # why the two sides are not comparable
    ignored: bool  # a verdict was asked for in spite of them
    unproven: Claim  # what the runs cannot show, because they differ
    warnings: tuple[str, ...]  # other differences, and what else the reader should know

    @property
    def checks(self) -> tuple[Check, ...]:
        return (
            self._comparable_work(),
            Check(f"fixed: {self.target.what}", _OUTCOME[self.verdict], self.why),
            *(_guard_check(guard, self.unproven) for guard in self.guards),
        )

    def _comparable_work(self) -> Check:
        if self.verdict == NOT_COMPARABLE:
            return Check("comparable work", "fail", "; ".join(self.differences))
        why = "; ".join([*self.differences, *self.warnings])
        return Check("comparable work", "skip" if why else "pass", why)


_OUTCOME = {
    FIXED: "pass",
    BETTER: "pass",
    NOT_FIXED: "fail",
    WORSE: "fail",
    NOT_ENOUGH: "error",
    NOT_COMPARABLE: "error",
}


def compare(
    before: Sequence[Run],
    after: Sequence[Run],
    function: str | None = None,
    warnings: Sequence[str] = (),
    ignore_differences: bool = False,
) -> Comparison:
    """Judge the runs by `function`, else by the one in which most of BEFORE's victims were stuck,
    else by bad pages. Neither side may be empty.

    ignore_differences: also where the two sides did not do comparable work.
    """
    if function is None and all(run.session.command == SQUASHFS for run in (*before, *after)):
        return _compare_reads(before, after, warnings, ignore_differences)
    function = function or measures.worst_function(before)
    anywhere, bad_pages = measures.stuck_anywhere(before, after), measures.bad_pages(before, after)
    target = anywhere
    elsewhere: Measure | None = None
    guards: tuple[Measure, ...] = (bad_pages,)
    if function is not None:
        target, elsewhere = (
            measures.stuck_in(function, before, after),
            measures.elsewhere(function, before, after),
        )
        guards = (anywhere, bad_pages)
    elif any(run.bad_pages for run in before):
        target, guards = bad_pages, (anywhere,)
    differing = differences(before, after, function)
    judge = partial(_judge, target, elsewhere, guards, after)
    judged = judge(differing)
    against = [one.text for one in judged.against]
    ignored = ignore_differences and bool(against)
    if ignored:
        judged = judge([])
    missing = statistics.runs_missing(target.before, target.after)
    undecided = judged.verdict == NOT_ENOUGH and any(target.before)
    return Comparison(
        before=tuple(before),
        after=tuple(after),
        function=function,
        target=target,
        elsewhere=elsewhere,
        guards=guards,
        verdict=judged.verdict,
        why=judged.why,
        more_runs=(missing or None) if undecided else None,
        differences=tuple(against),
        ignored=ignored,
        unproven=reduce(or_, (one.rules_out for one in differing if not ignored), NO_CLAIM),
        warnings=(*warnings, *(one.text for one in differing if one.text not in against)),
    )


def _compare_reads(
    before: Sequence[Run], after: Sequence[Run], warnings: Sequence[str], ignore: bool
) -> Comparison:
    """Of runs of `ktrace squashfs`."""
    old, new = ([run.squashfs for run in runs] for runs in (before, after))
    target = squashfs.decompressed(old, new)
    pace = squashfs.pace(
        *([(run.squashfs, run.duration_s) for run in runs] for runs in (before, after))
    )
    doubts = [doubt for run in after for doubt in run.doubts]
    different = [*same_runs(before, after), *squashfs.different_files(old, new)]
    judged = squashfs.judge(target, pace, old, new, doubts, [] if ignore else different)
    missing = statistics.runs_missing(target.before, target.after)
    return Comparison(
        before=tuple(before),
        after=tuple(after),
        function=None,
        target=target,
        elsewhere=None,
        guards=(pace,),
        verdict=judged.verdict,
        why=judged.why,
        more_runs=(missing or None) if judged.verdict == NOT_ENOUGH else None,
        differences=tuple(different),
        ignored=ignore and bool(different),
        unproven=NO_CLAIM,
        warnings=(*warnings, *machine_differences(before, after)),
    )


@record
class _Judged:
    verdict: str
    why: str
    against: Sequence[Difference] = ()  # why the sides are not comparable


def _judge(
    target: Measure,
    elsewhere: Measure | None,
    guards: Sequence[Measure],
    after: Sequence[Run],
    differing: Sequence[Difference],
) -> _Judged:
    """One stuck victim refutes "fixed", whatever differs; "fixed" and "worse" take the test, and
    comparable work."""
    claimed = target.fewer
    for measure in (target, *guards):
        if measure.increased:
            if not _ruling_out(differing, measure.more):
                return _Judged(WORSE, f"more {measure.what} than before (p = {measure.p_more:.2g})")
            claimed |= measure.more
    if any(target.before) and any(target.after):
        return _Judged(NOT_FIXED, f"AFTER has {target.what}: {_degree(target)}")
    moved_to = elsewhere if elsewhere and elsewhere.increased and not guards[0].decreased else None
    if moved_to is not None:
        claimed |= moved_to.more
    if against := _ruling_out(differing, claimed):
        texts = "; ".join(difference.text for difference in against)
        return _Judged(
            NOT_COMPARABLE, f"the two sides did not do comparable work: {texts}", against
        )
    if undecided := _nothing_to_test(target):
        return _Judged(NOT_ENOUGH, undecided)
    if target.p_fewer > statistics.ALPHA:
        return _Judged(NOT_ENOUGH, _how_many_more(target))
    none = f"AFTER has no {target.what}"
    if moved_to is not None:
        more = f"{none}, but more {moved_to.what} (p = {moved_to.p_more:.2g})"
        return _Judged(NOT_FIXED, f"{more}: the hang has moved")
    doubtful = next((run for run in after if run.doubts), None)
    if doubtful is not None:
        doubt = f"{none}, but {doubtful.file} is in doubt: {doubtful.doubts[0]}"
        return _Judged(NOT_ENOUGH, doubt)
    return _Judged(FIXED, f"{none} any more (p = {target.p_fewer:.2g})")


def _ruling_out(differing: Sequence[Difference], claims: Claim) -> list[Difference]:
    return [difference for difference in differing if difference.rules_out & claims]


def _nothing_to_test(target: Measure) -> str:
    """Why there is nothing to test; "" where there is."""
    for side, values in (("BEFORE", target.before), ("AFTER", target.after)):
        if not values:
            return f"no run of {side} {_SAYS_NOTHING[target.of_pages]}"
    if not any(target.before):
        return f"BEFORE has no {target.what}: there is nothing to be fixed"
    return ""


_SAYS_NOTHING = ("killed anything: nothing was measured", "traced bad pages")


def _degree(target: Measure) -> str:
    if target.decreased:
        return f"fewer than before (p = {target.p_fewer:.2g}), but not none"
    return f"as before, as far as these runs can tell (p = {target.p_fewer:.2g})"


def _how_many_more(target: Measure) -> str:
    runs = f"{count(len(target.before), 'run')} and {len(target.after)}"
    text = f"AFTER has no {target.what}, but with {runs} that may be chance"
    text += f" (p = {target.p_fewer:.2g}, which must be at most {statistics.ALPHA})"
    missing = statistics.runs_missing(target.before, target.after)
    if missing is None:
        return f"{text}; it would take more than a dozen more runs of each side"
    return f"{text}; {count(missing, 'more run')} of each side would decide, if they turn out alike"


def _guard_check(guard: Measure, unproven: Claim) -> Check:
    name = f"no more {guard.what}"
    if guard.more in unproven:
        return Check(name, "skip", "the work was not comparable")
    if not guard.before or not guard.after:
        return Check(name, "skip", "not measured on both sides")
    if guard.increased:
        return Check(name, "fail", f"more than before (p = {guard.p_more:.2g})")
    return Check(name, "pass", f"p = {guard.p_more:.2g}")

"""Runs of `ktrace squashfs` compared: images of other block sizes, say.

What is compared are counts: how much was decompressed for each read of pages, and how long a run
took for one. Times of waiting are not: where a file's blocks go past the caches, threads that want
the same block wait for a page, which is not measured.
"""

from collections.abc import Sequence

from ktrace.comparison import statistics
from ktrace.comparison.measures import Measure
from ktrace.comparison.squashfs_reads import SquashfsReads
from ktrace.comparison.verdict_names import (
    BETTER,
    FIXED,
    NOT_COMPARABLE,
    NOT_ENOUGH,
    NOT_FIXED,
    WORSE,
)
from ktrace.plural import count
from ktrace.record import record

TARGET, PACE = "squashfs-decompressed", "squashfs-pace"
_SHARED = 0.5  # of the files for which most was read


@record
class Judged:
    """better: less by the test, and not gone."""

    verdict: str
    why: str


def decompressed(
    before: Sequence[SquashfsReads | None], after: Sequence[SquashfsReads | None]
) -> Measure:
    sides = [
        tuple(
            run.bytes_inflated / run.reads / 1024
            for run in side
            if run and run.reads and run.bytes_inflated is not None
        )
        for side in (before, after)
    ]
    return Measure(TARGET, "KiB decompressed for a read of pages", sides[0], sides[1])


def pace(
    before: Sequence[tuple[SquashfsReads | None, float]],
    after: Sequence[tuple[SquashfsReads | None, float]],
) -> Measure:
    """Of each run what it read, and its seconds."""
    sides = [
        tuple(seconds * 1000 / run.reads for run, seconds in side if run and run.reads)
        for side in (before, after)
    ]
    return Measure(PACE, "milliseconds of the run for a read of pages", sides[0], sides[1])


def judge(
    target: Measure,
    pace: Measure,
    before: Sequence[SquashfsReads | None],
    after: Sequence[SquashfsReads | None],
    doubts: Sequence[str],
    different: Sequence[str],
) -> Judged:
    """doubts: why thrash of AFTER could have been missed. different: why the two sides did not do
    comparable work."""
    for side, values in (("BEFORE", target.before), ("AFTER", target.after)):
        if not values:
            why = f"no run of {side} counted reads of squashfs's pages and what was decompressed"
            return Judged(NOT_ENOUGH, why)
    if different:
        return Judged(
            NOT_COMPARABLE, f"the two sides did not do comparable work: {'; '.join(different)}"
        )
    for measure in (target, pace):
        if measure.increased:
            why = f"more {measure.what} than before (p = {measure.p_more:.2g})"
            return Judged(WORSE, why)
    if not target.decreased:
        return Judged(*_undecided(target))
    why = f"fewer {target.what} (p = {target.p_fewer:.2g})"
    thrashing = [sum(bool(run and run.thrashes) for run in side) for side in (before, after)]
    if thrashing[1] or not thrashing[0]:
        still = f"{thrashing[1]} of {count(len(after), 'run')} of AFTER thrash"
        return Judged(BETTER, f"{why}; {still}, {thrashing[0]} of BEFORE's")
    if doubts:
        return Judged(BETTER, f"{why}; whether AFTER thrashes is in doubt: {doubts[0]}")
    return Judged(FIXED, f"{why}, and no run of AFTER thrashes")


def _undecided(target: Measure) -> tuple[str, str]:
    p = f"p = {target.p_fewer:.2g}, which must be at most {statistics.ALPHA}"
    missing = statistics.runs_missing(target.before, target.after)
    if missing is None:
        return NOT_FIXED, f"as many {target.what} as before, as far as these runs can tell ({p})"
    more = f"{count(missing, 'more run')} of each side would decide, if they turn out alike"
    return NOT_ENOUGH, f"fewer {target.what} may be chance ({p}); {more}"


def different_files(
    before: Sequence[SquashfsReads | None], after: Sequence[SquashfsReads | None]
) -> list[str]:
    """Why the two sides did not read the same; nothing if they did."""
    old, new = (frozenset().union(*(run.files for run in side if run)) for side in (before, after))
    if not old or not new:
        return []
    shared = len(old & new) / min(len(old), len(new))
    if shared >= _SHARED:
        return []
    return [f"other files were read in AFTER: {shared:.0%} are the same"]

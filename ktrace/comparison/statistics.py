"""The test that a comparison's verdict rests on, exact and without any library.

The unit is the run, not the kill: kills of one run share its disk, its memory and its luck, so
they are not independent. Two sets of runs are compared by the permutation distribution of the
rank sum (Wilcoxon, Mann and Whitney), ties as mid-ranks: if the change did nothing, every way to
deal the runs' values out to the two sides is equally likely. That holds when the runs are
independent of each other and were made alike; it asks for no distribution, and no size of the
sets. It is computed by counting, so it is exact; the smallest p that n and m runs can give is
1 / C(n + m, n): 0.05 with three and three.
"""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

ALPHA = 0.05
NAME = "exact permutation test of the rank sum over runs, one-sided"
NAME_OF_MANY = "rank sum test over runs, normal approximation, one-sided"
_MORE_AT_MOST = 12


def p_lower(before: Sequence[float], after: Sequence[float]) -> float:
    """How likely after's values are as low as they are, against before's, by luck alone."""
    if not before or not after:
        return 1.0
    ranks = _doubled_ranks([*before, *after])
    observed = sum(ranks[len(before) :])
    ways = _rank_sums(ranks, len(after))
    as_low = sum(count for total, count in ways.items() if total <= observed)
    return as_low / math.comb(len(ranks), len(after))


def p_lower_of_many(before: Sequence[float], after: Sequence[float]) -> float:
    """p_lower for sets too large to count: by the normal approximation of the rank sum, corrected
    for ties, and by half of the largest step between ranks: with many ties rather too high than too
    low. For ten values and more on each side."""
    total = len(before) + len(after)
    doubled = _doubled_ranks([*before, *after])
    ties = sum(count**3 - count for count in Counter(doubled).values())
    variance = len(before) * len(after) / 12 * (total + 1 - ties / (total * (total - 1)))
    steps = [high - low for low, high in itertools.pairwise(sorted(set(doubled)))]
    if not steps:  # all are equal
        return 1.0
    rank_sum, expected = sum(doubled[len(before) :]) / 2, len(after) * (total + 1) / 2
    return NormalDist().cdf((rank_sum + max(steps) / 4 - expected) / math.sqrt(variance))


def p_higher(before: Sequence[float], after: Sequence[float]) -> float:
    """The same for as high."""
    return p_lower([-value for value in before], [-value for value in after])


def runs_missing(before: Sequence[float], after: Sequence[float]) -> int | None:
    """How many more runs of each side would decide that after's values are lower, should they
    come out as those that are there; None if more than a dozen, or if a side has no value: then
    nothing says how its next runs would come out."""
    if not before or not after:
        return None
    for more in range(_MORE_AT_MOST + 1):
        if p_lower(_repeated(before, more), _repeated(after, more)) <= ALPHA:
            return more
    return None


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest of ordered values that at least that share of them does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _repeated(values: Sequence[float], more: int) -> list[float]:
    """values and as many more like them."""
    return [values[i % len(values)] for i in range(len(values) + more)]


def _doubled_ranks(values: Sequence[float]) -> list[int]:
    """Twice each value's rank, so that the mean rank of equal ones is whole."""
    ordered = sorted(values)
    first = {value: i for i, value in reversed([*enumerate(ordered)])}
    counts = Counter(values)
    return [2 * first[value] + counts[value] + 1 for value in values]


def _rank_sums(ranks: Sequence[int], chosen: int) -> Counter[int]:
    """Each sum that `chosen` of the ranks can have, and in how many ways."""
    ways: list[Counter[int]] = [Counter({0: 1})] + [Counter() for _ in range(chosen)]
    for rank in ranks:
        for taken in range(chosen, 0, -1):
            for total, count in ways[taken - 1].items():
                ways[taken][total + rank] += count
    return ways[chosen]

"""What the probes of squashfs cost, by the kernel's own statistics."""

from collections.abc import Sequence

from ktrace.events import ProbeCost, SquashfsCounts
from ktrace.views import words
from ktrace.views.safe_text import safe
from ktrace.views.text_table import text_table

_PREFIX = "squashfs_"


def cost_line(counts: SquashfsCounts) -> str:
    """ "0.12% of a CPU; for a call of read_data 1900ns, cache_get 612ns (measured for 3.0s)"."""
    if counts.no_costs:
        return f"not measured: {safe(counts.no_costs)}"
    if not counts.costs_over_s:
        return "not measured yet"
    share = f"{_share(sum(cost.ns for cost in counts.costs), counts)} of a CPU"
    over = words.seconds(counts.costs_over_s)
    costs = _dearest_first(counts.costs)
    if not costs:
        return f"no call in {over} of measuring"
    each = ", ".join(f"{safe(cost.function.removeprefix(_PREFIX))} {_each(cost)}" for cost in costs)
    return f"{share}; for a call of {each} (measured for {over})"


def cost_table(counts: SquashfsCounts) -> list[str]:
    """Of the report."""
    costs = _dearest_first(counts.costs)
    if counts.no_costs or not costs:
        return [f"cost per call of the probes: {cost_line(counts)}"]
    rows = [
        (safe(cost.function), str(cost.runs), _each(cost), _share(cost.ns, counts))
        for cost in costs
    ]
    over = words.seconds(counts.costs_over_s)
    lead = f"cost per call of the probes, as the kernel counted it for {over} of the run:"
    return [lead, *text_table([("PROBE", "CALLS", "EACH", "OF A CPU"), *rows])]


def _dearest_first(costs: Sequence[ProbeCost]) -> list[ProbeCost]:
    called = [cost for cost in costs if cost.runs > 0]
    return sorted(called, key=lambda cost: -cost.ns)


def _each(cost: ProbeCost) -> str:
    each = cost.ns / cost.runs
    return f"{each:.0f}ns" if each < 10_000 else f"{each / 1000:.0f}us"


def _share(ns: int, counts: SquashfsCounts) -> str:
    return f"{ns / 1e9 / counts.costs_over_s:.2%}" if counts.costs_over_s > 0 else "-"

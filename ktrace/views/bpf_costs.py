"""What BPF programs cost, as lines of text."""

from collections.abc import Sequence

from ktrace.kernel.bpf_stats import ProgramCost, Reading
from ktrace.views.safe_text import safe
from ktrace.views.text_table import text_table


def cost_lines(reading: Reading, width: int) -> list[str]:
    """A table of the programs, the dearest first."""
    if reading.why_not:
        return [f"What the BPF programs cost is not measured: {reading.why_not}"]
    costs = sorted(reading.costs, key=lambda cost: -cost.run_ns)
    total = sum(cost.run_ns for cost in costs)
    lines = [
        f"ktrace's BPF programs in {reading.lasted_s:.1f} s: {_share(total, reading)} of one CPU",
        f"ktrace itself: {reading.own_cpu_s / max(reading.lasted_s, 1e-9):.2%} of one CPU",
        "counted by the kernel (BPF_ENABLE_STATS) while this page is shown",
        "",
    ]
    return lines + text_table(
        [("PROGRAM", "RUNS/S", "NS/RUN", "CPU"), *(_row(cost, reading) for cost in costs)]
    )


def _row(cost: ProgramCost, reading: Reading) -> Sequence[str]:
    seconds = max(reading.lasted_s, 1e-9)
    each = f"{cost.run_ns / cost.runs:.0f}" if cost.runs else "-"
    return safe(cost.name), f"{cost.runs / seconds:.0f}", each, _share(cost.run_ns, reading)


def _share(run_ns: int, reading: Reading) -> str:
    return f"{run_ns / 1e9 / max(reading.lasted_s, 1e-9):.3%}"

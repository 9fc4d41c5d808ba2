"""A distribution of times as plain text: two histograms side by side, on a logarithmic scale."""

from collections.abc import Sequence

from ktrace.plural import count

_EDGES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_LABELS = [f"{edge * 1000:.0f} ms" if edge < 1 else f"{edge:.0f} s" for edge in _EDGES]
_BAR = 22  # characters


def plot(before: Sequence[float], after: Sequence[float]) -> list[str]:
    """Lines of at most 80 columns; none without times. Bars are shares of each side."""
    counts = [bucket_counts(before), bucket_counts(after)]
    used = [i for i in range(len(_EDGES) + 1) if counts[0][i] or counts[1][i]]
    if not used:
        return []
    lines = [f"{'':>16}  {_head('BEFORE', before):<{_BAR + 6}}{_head('AFTER', after)}"]
    for i in range(used[0], used[-1] + 1):
        left = _bar(counts[0][i], len(before))
        right = _bar(counts[1][i], len(after))
        lines.append(f"{bucket_name(i):>16} |{left:<{_BAR + 5}}|{right}".rstrip())
    return lines


def bucket_counts(times: Sequence[float]) -> list[int]:
    counts = [0] * (len(_EDGES) + 1)
    for time in times:
        counts[sum(time >= edge for edge in _EDGES)] += 1
    return counts


def bucket_name(i: int) -> str:
    if i == 0:
        return f"under {_LABELS[0]}"
    if i == len(_EDGES):
        return f"from {_LABELS[-1]}"
    return f"{_LABELS[i - 1]} to {_LABELS[i]}"


def _head(name: str, times: Sequence[float]) -> str:
    return f"{name}, {count(len(times), 'kill')}"


def _bar(count: int, total: int) -> str:
    """At least one # for what is there at all, and the count behind it."""
    if not count:
        return ""
    return "#" * max(1, round(_BAR * count / total)) + f" {count}"

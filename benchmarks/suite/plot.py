"""docs/costs.svg: a dot for each round, a line for the median, a panel for each load."""

import statistics
from html import escape
from typing import Any

_WIDTH, _LEFT, _ROW, _HEAD = 760, 210, 26, 40
_COLORS = {True: "#c0392b", False: "#34495e"}


def svg(found: dict[str, Any]) -> str:
    """found: as benchmarks.suite.overhead.measure() gives it."""
    ran = {name: ratios for name, ratios in found.items() if isinstance(ratios, dict) and ratios}
    loads = list(dict.fromkeys(load for ratios in ran.values() for load in ratios))
    rounds = [each for ratios in ran.values() for some in ratios.values() for each in some]
    low, high = min([0.95, *rounds]), max([1.1, *rounds])
    panel = _HEAD + _ROW * len(ran)
    height = panel * len(loads) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
    ]

    def x(ratio: float) -> float:
        return _LEFT + (ratio - low) / (high - low) * (_WIDTH - _LEFT - 70)

    for at, load in enumerate(loads):
        top = at * panel
        parts.append(f'<text x="10" y="{top + 24}" font-weight="bold">{escape(load)}</text>')
        parts.append(
            f'<line x1="{x(1):.1f}" x2="{x(1):.1f}" y1="{top + 30}" y2="{top + panel}" '
            'stroke="#999" stroke-dasharray="3 3"/>'
        )
        for row, (name, ratios) in enumerate(ran.items()):
            parts += _row(name, ratios.get(load, []), top + _HEAD + row * _ROW + 8, x)
    parts.append(
        f'<text x="{x(1):.1f}" y="{height - 8}" text-anchor="middle" fill="#666">'
        "1: as fast as without</text></svg>"
    )
    return "\n".join(parts) + "\n"


def _row(name: str, rounds: list[float], y: float, x: Any) -> list[str]:
    color = _COLORS[name.startswith("ktrace")]
    parts = [f'<text x="10" y="{y + 4}" fill="{color}">{escape(name)}</text>']
    parts += [
        f'<circle cx="{x(each):.1f}" cy="{y}" r="3" fill="{color}" fill-opacity="0.35"/>'
        for each in rounds
    ]
    if rounds:
        middle = statistics.median(rounds)
        parts += [
            f'<line x1="{x(middle):.1f}" x2="{x(middle):.1f}" y1="{y - 8}" y2="{y + 8}" '
            f'stroke="{color}" stroke-width="3"/>',
            f'<text x="{_WIDTH - 55}" y="{y + 4}" fill="{color}">{middle:.3f}</text>',
        ]
    return parts

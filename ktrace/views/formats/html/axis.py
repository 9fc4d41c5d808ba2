"""Marks of an axis at round numbers."""

import math


def ticks(length: float, about: int = 8) -> list[float]:
    """From 0 on, at steps of 1, 2 or 5 times a power of ten."""
    rough = max(length, 1e-9) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [round(step * number, 9) for number in range(int(length / step) + 1)]

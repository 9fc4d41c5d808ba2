"""Times to death, by their order of magnitude."""

from collections.abc import Sequence

from ktrace.views import words
from ktrace.views.compare_plot import bucket_counts, bucket_name
from ktrace.views.formats.html.markup import Element, el, svg

_WIDTH, _LEFT, _BAR, _ROW = 720, 130, 480, 18


def histogram(sides: Sequence[tuple[str, Sequence[float]]]) -> Element | None:
    """sides: of each its name (before, after) and its times in seconds. None without times."""
    counts = [bucket_counts(times) for _, times in sides]
    used = [i for i in range(len(counts[0])) if any(side[i] for side in counts)] if counts else []
    if not used:
        return None
    most = max(max(side) for side in counts)
    drawn: list[Element] = []
    y = 0
    for i in range(used[0], used[-1] + 1):
        drawn.append(el("text", bucket_name(i), x=0, y=y + 13))
        for (name, times), side in zip(sides, counts, strict=True):
            drawn += _bar(side[i], len(times), most, y, name)
            y += _ROW
        y += 4
    return svg(_WIDTH, y, drawn, label="histogram of times to death")


def _bar(count: int, total: int, most: int, y: int, name: str) -> list[Element]:
    width = _BAR * count / most
    title = f"{name}: {count} of {words.count(total, 'kill')}"
    bar = el("rect", el("title", title), x=_LEFT, y=y + 2, width=width, height=13, class_=name)
    return [bar, el("text", str(count) if count else "", x=_LEFT + width + 4, y=y + 13)]

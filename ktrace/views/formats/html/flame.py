"""Where time was lost: a flame graph, its root on top, a frame as wide as the time in it."""

from collections import Counter
from dataclasses import dataclass, field
from zlib import crc32

from ktrace.views import words
from ktrace.views.formats.html.markup import Element, el, svg

_WIDTH, _ROW = 1060, 17
_NARROWEST = 0.4  # of a pixel, for a frame to be drawn
_LETTER = 6.2  # pixels, on average


@dataclass
class _Frame:
    seconds: float = 0.0
    below: "dict[str, _Frame]" = field(default_factory=dict)


def flame(spent: Counter[tuple[str, ...]]) -> Element | None:
    """spent: seconds by frames, outermost first. None where no time was spent."""
    root = _tree(spent)
    if root.seconds <= 0:
        return None
    drawn: list[Element] = []
    depth = _draw(drawn, root, "all", 0.0, 0, root.seconds)
    drawing = svg(_WIDTH, (depth + 1) * _ROW, drawn, label="flame graph of time stuck")
    drawing.set("class", "flame")
    return drawing


def _tree(spent: Counter[tuple[str, ...]]) -> _Frame:
    root = _Frame()
    for frames, seconds in spent.items():
        root.seconds += seconds
        at = root
        for name in frames:
            at = at.below.setdefault(name, _Frame())
            at.seconds += seconds
    return root


def _draw(
    drawn: list[Element], frame: _Frame, name: str, x: float, depth: int, whole: float
) -> int:
    """The greatest depth that it reached."""
    width = _WIDTH * frame.seconds / whole
    if width < _NARROWEST:
        return depth
    title = f"{name}: {words.seconds(frame.seconds)}, {100 * frame.seconds / whole:.1f} %"
    box = el("rect", x=x, y=depth * _ROW, width=width, height=_ROW - 1, style=_colour(name, depth))
    room = int((width - 6) / _LETTER)
    text = name if len(name) <= room else f"{name[: room - 2]}.." if room > 4 else ""
    label = el("text", text, x=x + 3, y=depth * _ROW + 12) if text else None
    drawn.append(el("g", el("title", title), box, label))
    deepest = depth
    for below, child in sorted(frame.below.items()):
        deepest = max(deepest, _draw(drawn, child, below, x, depth + 1, whole))
        x += _WIDTH * child.seconds / whole
    return deepest


def _colour(name: str, depth: int) -> str:
    """The same for the same function everywhere."""
    if depth == 0:
        return "fill:#c9ced6"
    return f"fill:hsl({10 + crc32(name.encode(errors='replace')) % 45} 85% 68%)"

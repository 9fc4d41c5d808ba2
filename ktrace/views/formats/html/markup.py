"""Elements of HTML and SVG. Text goes in as text: no name can become markup."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import TypeAlias

from ktrace.views.safe_text import safe

Element: TypeAlias = ET.Element
Content: TypeAlias = Element | str | int | float | Iterable["Content"] | None


def el(tag: str, *content: Content, **attributes: str | int | float) -> Element:
    """An element. An attribute's name may end in _ (class_) and has - for _ inside (data_pid)."""
    element = ET.Element(tag)
    for name, value in attributes.items():
        element.set(name.rstrip("_").replace("_", "-"), safe(_text(value)))
    _add(element, content)
    return element


def svg(width: float, height: float, *content: Content, label: str) -> Element:
    """A drawing that shrinks with the page, and says what it is to who cannot see it."""
    size = {"viewBox": f"0 0 {_text(width)} {_text(height)}", "role": "img", "aria-label": label}
    drawing = el("svg", *content, width=width, height=height)
    for name, value in size.items():
        drawing.set(name, safe(value))
    return drawing


def render(element: Element) -> str:
    """As HTML. The content of script and style is written as it is: it is never from a trace."""
    return ET.tostring(element, encoding="unicode", method="html")


def _add(element: Element, content: Iterable[Content]) -> None:
    for part in content:
        if part is None:
            continue
        if isinstance(part, ET.Element):
            element.append(part)
        elif isinstance(part, str | int | float):
            _append_text(element, _text(part) if element.tag in _RAW else safe(_text(part)))
        else:
            _add(element, part)


def _append_text(element: Element, text: str) -> None:
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text


def _text(value: str | int | float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


_RAW = ("script", "style")

"""Tables that sort by a click on a head, and filter by what is typed above."""

from collections.abc import Sequence
from typing import TypeAlias

from ktrace.views.formats.html.markup import Content, Element, el

Cell: TypeAlias = Content | tuple[Content, float]  # what is shown, and by what number it sorts


def table(heads: Sequence[str], rows: Sequence[Sequence[Cell]], name: str) -> Element:
    """rows as long as heads. Of many rows one can filter."""
    body = el("tbody", [el("tr", [_cell(cell) for cell in row]) for row in rows])
    head = el("thead", el("tr", [el("th", title, scope="col") for title in heads]))
    shown = el("table", el("caption", name), head, body, class_="sortable")
    search = None
    if len(rows) > 5:
        search = el("input", type="search", placeholder=f"filter {len(rows)} rows", class_="filter")
    return el("div", search, shown, class_="table")


def _cell(cell: Cell) -> Element:
    if isinstance(cell, tuple):
        shown, number = cell
        return el("td", shown, data_sort=repr(float(number)))
    return el("td", cell)

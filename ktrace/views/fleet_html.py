"""A report of a fleet as one HTML file: each question's answer as a table that sorts."""

from typing import Any

from ktrace.fleet.report import FleetReport
from ktrace.views.fleet_text import cell_text, compared_lines
from ktrace.views.formats.html.frame import frame
from ktrace.views.formats.html.markup import Element, el
from ktrace.views.formats.html.table import Cell, table


def html_text(report: FleetReport, url: str) -> str:
    """url: of the dataset."""
    tables = [_section(name, rows) for name, rows in report.tables.items()]
    return frame(
        f"ktrace fleet: {url}",
        el("main", el("h1", "ktrace fleet ", el("span", url)), tables, _compared(report)),
    )


def _section(name: str, rows: list[dict[str, Any]]) -> list[Element]:
    title = el("h2", name[:1].upper() + name[1:])
    if not rows:
        return [title, el("p", "nothing", class_="note")]
    cells = [[_cell(value) for value in row.values()] for row in rows]
    return [title, table([head.replace("_", " ") for head in rows[0]], cells, "")]


def _cell(value: Any) -> Cell:
    shown = cell_text(value)
    return (shown, value) if isinstance(value, int | float) else shown


def _compared(report: FleetReport) -> list[Element]:
    if report.compared is None:
        return []
    _, *lines = compared_lines(report.compared)
    return [el("h2", "Compared"), *(el("p", line.strip()) for line in lines)]

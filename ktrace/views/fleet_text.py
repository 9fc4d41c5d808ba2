"""A report of a fleet, as text or JSON."""

import json
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from ktrace.fleet.engine import Table
from ktrace.fleet.report import FleetReport, KernelsCompared
from ktrace.views.safe_text import safe


def text_lines(report: FleetReport) -> list[str]:
    """A table for each question."""
    lines = []
    for name, rows in report.tables.items():
        lines += [f"{name}:", *(f"  {line}" for line in table_lines(rows)), ""]
    return lines + (compared_lines(report.compared) if report.compared else [])


def json_text(report: FleetReport) -> str:
    """{"totals": [...], ..., "compared": {...} or null}."""
    compared = report.compared
    told = (
        {each.name: getattr(compared, each.name) for each in fields(compared)} if compared else None
    )
    return json.dumps(report.tables | {"compared": told}, default=str)


def table_lines(rows: Table) -> list[str]:
    """Numbers to the right."""
    if not rows:
        return ["nothing"]
    cells = [[*rows[0]], *([cell_text(value) for value in row.values()] for row in rows)]
    right = [isinstance(value, int | float) for value in rows[0].values()]
    widths = [max(len(row[column]) for row in cells) for column in range(len(right))]
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    ]


def cell_text(value: Any) -> str:
    """As text shows a value of any column."""
    if value is None:
        return "not known"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1 else f"{value:.1f}"
    if isinstance(value, date | datetime):
        return value.isoformat()
    return safe(str(value))


def compared_lines(compared: KernelsCompared) -> list[str]:
    """Both sides, and the test."""
    sides = (
        (compared.before, compared.before_machines, compared.before_share),
        (compared.after, compared.after_machines, compared.after_share),
    )
    lines = [
        f"  {safe(kernel)}: {_share(share)} of a machine's victims stuck, {machines} machines"
        for kernel, machines, share in sides
    ]
    p = f"p = {compared.p_fewer:.3g} that it is luck" if compared.p_fewer is not None else "no test"
    return ["compared:", *lines, f"  {p} ({safe(compared.why)})"]


def _share(share: float | None) -> str:
    return "not known" if share is None else f"{share:.1%}"

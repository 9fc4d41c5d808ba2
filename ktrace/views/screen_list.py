"""A list of tables that scrolls: which of its lines are on the screen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.text import Text

from ktrace.record import record
from ktrace.views.screen_table import Cell, Column, Table


@dataclass(slots=True)
class Section:
    """A table with its title. Without entries it is the title alone; where that is empty, it takes
    no room."""

    title: Text
    columns: Sequence[Column] = ()
    # key and what row() and beneath() take; or, with the key "", a line as it is
    entries: Sequence[tuple[str, Any]] = ()
    row: Callable[[Any], Sequence[Cell]] = field(default=lambda _: ())
    beneath: Callable[[str, Any], Sequence[Text]] = field(default=lambda _key, _entry: ())


@record
class Line:
    """One line of the list. key: of the entry that it belongs to; "" for titles and blanks."""

    key: str
    text: Text | None  # None: a row of its section's table, or its head
    section: Section
    entry: Any = None


def lines_of(sections: Sequence[Section]) -> list[Line]:
    """All lines; a blank between two sections."""
    lines: list[Line] = []
    for section in sections:
        own = list(_lines(section))
        if lines and own:
            lines.append(Line("", Text(""), section))
        lines += own
    return lines


def _lines(section: Section) -> Iterator[Line]:
    if section.title:
        yield Line("", section.title, section)
    if any(key for key, _ in section.entries):
        yield Line("", None, section)
    for key, entry in section.entries:
        if not key:
            yield Line("", entry, section)
            continue
        yield Line(key, None, section, entry)
        for text in section.beneath(key, entry):
            yield Line(key, text, section)


def drawn(lines: Sequence[Line], width: int) -> list[Text]:
    """Lines that are on the screen; columns are as wide as these need."""
    tables: dict[int, Table] = {}
    rows = {
        number: line.section.row(line.entry)
        for number, line in enumerate(lines)
        if line.text is None and line.key
    }
    for line in lines:
        section = line.section
        if line.text is None and id(section) not in tables:
            own = [row for number, row in rows.items() if lines[number].section is section]
            tables[id(section)] = Table(section.columns, own, width)
    return [
        line.text
        if line.text is not None
        else tables[id(line.section)].line(rows[number])
        if line.key
        else tables[id(line.section)].head()
        for number, line in enumerate(lines)
    ]

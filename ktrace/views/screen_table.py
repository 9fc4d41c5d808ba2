"""Tables of the screen: where there is little room, the columns that matter least give it."""

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.text import Text

from ktrace.record import record
from ktrace.views import shorten

_GAP = 2


@record
class Cell:
    """What is safe to show, and its style."""

    text: str
    style: str = ""


def up_to(width: int) -> Callable[[str], int]:
    """For Column.least: no more than that is needed."""
    return lambda text: min(width, cell_len(text))


@record
class Column:
    """rank: the higher, the sooner it gives room: is cut down to what its cells need at least, and
    then, where it may go, left out."""

    title: str
    rank: int
    least: Callable[[str], int] = cell_len
    may_go: bool = False
    right: bool = False
    cut: Callable[[str, int], str] = shorten.at_end


class Table:
    """Columns of that width altogether, for these rows."""

    def __init__(
        self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int
    ) -> None:
        self._columns = columns
        self._widths = _fitted(columns, rows, width)

    def head(self) -> Text:
        return self.line([Cell(column.title, "dim") for column in self._columns])

    def line(self, row: Sequence[Cell]) -> Text:
        """One row, without spaces at its end."""
        line = Text(no_wrap=True, overflow="ellipsis")
        for column, width, cell in zip(self._columns, self._widths, row, strict=True):
            if not width:
                continue
            shown = column.cut(cell.text, width)
            blank = " " * (width - cell_len(shown))
            gap = " " * _GAP if line else ""
            line.append(gap + blank if column.right else gap)
            line.append(shown, style=cell.style)
            line.append("" if column.right else blank)
        line.rstrip()
        return line


def _fitted(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> list[int]:
    """Of each column; 0: it is left out."""
    texts = [[row[number].text for row in rows] for number in range(len(columns))]
    full = [
        max(map(cell_len, (column.title, *cells)))
        for column, cells in zip(columns, texts, strict=True)
    ]
    widths = list(full)
    by_rank = sorted(range(len(columns)), key=lambda number: -columns[number].rank)
    for number in by_rank:
        column = columns[number]
        if (over := _width(widths) - width) <= 0:
            break
        least = max([min(cell_len(column.title), full[number]), *map(column.least, texts[number])])
        widths[number] -= min(over, widths[number] - least)
        if column.may_go and _width(widths) > width:
            widths[number] = 0
    for number in reversed(by_rank):  # what is left of one that went is for those that matter most
        if widths[number]:
            spare = max(0, width - _width(widths))
            widths[number] += min(spare, full[number] - widths[number])
    return widths


def _width(widths: Sequence[int]) -> int:
    shown = [width for width in widths if width]
    return sum(shown) + _GAP * max(0, len(shown) - 1)

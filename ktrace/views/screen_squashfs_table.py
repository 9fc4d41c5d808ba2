"""The table on the screen of squashfs: a line for each cache, of the last seconds."""

from collections.abc import Sequence

from rich.text import Text

from ktrace.detectors.squashfs_window import Recent
from ktrace.events import FILES, CacheState, CacheUse
from ktrace.views import shorten, squashfs_text
from ktrace.views.screen_table import Cell, Column, Table
from ktrace.views.squashfs_text import brief

_COLUMNS = (
    Column("CACHE", 1, cut=shorten.in_middle),
    Column("USE", 2, right=True),
    Column("FILLING", 9, right=True, may_go=True),
    Column("WAITING", 3, right=True, may_go=True),
    Column("CALLS/s", 7, right=True, may_go=True),
    Column("HITS", 2, right=True),
    Column("BLOCKS/s", 2, right=True),
    Column("AGAIN", 0, right=True),
    Column("READ/s", 5, right=True, may_go=True),
    Column("INFLATED/s", 4, right=True, may_go=True),
    Column("USED/s", 6, right=True, may_go=True),
    Column("WAITS p50 p95", 8, right=True, may_go=True),
)


def cache_lines(caches: Sequence[Recent], width: int) -> list[Text]:
    """Head and lines."""
    table = Table(_COLUMNS, rows := [_row(one) for one in caches], width)
    return [table.head(), *map(table.line, rows)]


def _row(one: Recent) -> list[Cell]:
    use, over = one.use, max(one.over_s, 0.001)
    cached, state = use.name != FILES, use.state
    much = use.again >= use.fills / 2 and use.fills > 0
    return [
        Cell(squashfs_text.place(use.device, use.mount, use.name)),
        Cell(_in_use(state, use.entries) if cached else "-"),
        Cell(str(state.pending) if state else "-"),
        Cell(str(state.waiting + state.waited_for) if state else "-"),
        Cell(f"{use.calls / over:.0f}"),
        Cell(squashfs_text.share(use.hits, use.calls) if cached else "-"),
        Cell(f"{use.fills / over:.1f}"),
        Cell(squashfs_text.share(use.again, use.fills), "bold red" if much else ""),
        Cell(_rate(use, use.bytes_read, over)),
        Cell(_rate(use, use.bytes_inflated, over)),
        Cell(brief(use.bytes_used / over) if cached else "?"),
        Cell(squashfs_text.waits(use)),
    ]


def _rate(use: CacheUse, total: int, over: float) -> str:
    known = use.measured(total)
    return brief(None if known is None else known / over)


def _in_use(state: CacheState | None, entries: int) -> str:
    return f"{state.in_use if state else '?'}/{entries or '?'}"

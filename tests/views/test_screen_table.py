"""Which columns give room."""

import pytest

from ktrace.views import shorten
from ktrace.views.screen_table import Cell, Column, Table, up_to

pytestmark = pytest.mark.unit

COLUMNS = (
    Column("TASK", 2, shorten.least_of_task, cut=shorten.task),
    Column("STATE", 6, may_go=True),
    Column("FOR", 0, right=True),
    Column("WAITS IN", 1, up_to(12)),
    Column("REQUEST", 9, up_to(6), may_go=True),
)
ROW = [
    Cell(text)
    for text in ("containerd-shim[4711]", "killable", "3.0s", "squashfs_cache_get", "order 0 GFP")
]


def lines(width: int) -> tuple[str, str]:
    table = Table(COLUMNS, [ROW], width)
    return table.head().plain, table.line(ROW).plain


def test_with_room_nothing_is_cut() -> None:
    _, row = lines(100)
    assert row == "containerd-shim[4711]  killable  3.0s  squashfs_cache_get  order 0 GFP"


@pytest.mark.parametrize("width", range(42, 71))
def test_the_function_is_whole_while_another_column_has_room(width: int) -> None:
    head, row = lines(width)
    assert "squashfs_cache_get" in row
    assert "[4711]" in row
    assert max(len(head), len(row)) <= width


def test_what_matters_least_gives_room_first() -> None:
    assert "order…" in lines(66)[1]
    assert "REQUEST" not in lines(59)[0]
    assert "cont…him[4711]" in lines(40)[1]


def test_what_a_left_out_column_leaves_goes_to_the_others() -> None:
    assert lines(58)[1] == "containerd-shim[4711]  killable  3.0s  squashfs_cache_get"


def test_at_the_narrowest_who_and_where_is_still_there() -> None:
    head, row = lines(33)
    assert head.split() == ["TASK", "FOR", "WAITS", "IN"]
    assert row == "cont…him[4711]  3.0s  squashfs_ca…"

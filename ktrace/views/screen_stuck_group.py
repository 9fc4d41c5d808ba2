"""The table of groups on the screen: by the object that they wait for, then by stack."""

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from ktrace.plural import count
from ktrace.views import shorten, words
from ktrace.views.list_body import Wishes
from ktrace.views.roots import root
from ktrace.views.screen_details import brief, everything
from ktrace.views.screen_list import Section
from ktrace.views.screen_stuck_task import killable
from ktrace.views.screen_table import Cell, Column, up_to
from ktrace.views.stuck_groups import Group, killers, object_of, place_of, since

_FUNCTION = 20  # characters that a function has before others give it room
_NAMES_SHOWN = 3
_NAMES_LISTED = 200  # of an opened group


def least_of_names(text: str) -> int:
    """The first name: that there are more, the count tells."""
    return cell_len(text.partition(",")[0])


_COLUMNS = (
    Column("COUNT", 0, right=True),
    Column("FOR", 0, right=True),
    Column("STATE", 6, may_go=True),
    Column("KILL?", 5, may_go=True),
    Column("WAITS IN", 1, up_to(_FUNCTION)),
    Column("KILLED BY", 7, up_to(10), may_go=True, cut=shorten.in_middle),
    Column("TASKS", 8, least_of_names, may_go=True, cut=shorten.names),
)


def section(
    title: Text, shared: Sequence[Group], t: float, width: int, wishes: Wishes, tree: str
) -> Section:
    """shared: those of more than one task. tree: the id of the task whose chain is shown in any
    case."""

    def beneath(key: str, group: Group) -> list[Text]:
        if key in wishes.opened:
            return [*everything(group.first, width), *_members(group, t, width)]
        return brief(group.first, width, wishes.brief) if group.first.id == tree else []

    return Section(title, _COLUMNS, _entries(shared, wishes.sort), lambda g: _row(g, t), beneath)


def _entries(shared: Sequence[Group], sort: str) -> list[tuple[str, Any]]:
    """The groups of each object under a line that names it."""
    objects: dict[str, list[Group]] = {}
    for group in _in_order(shared, sort):
        objects.setdefault(_behind(group), []).append(group)
    entries: list[tuple[str, Any]] = []
    for behind, groups in objects.items():
        number = sum(len(group.tasks) for group in groups)
        title = Text(no_wrap=True, overflow="ellipsis")
        title.append(f"{number} wait for {behind or 'what is not known'}", style="bold")
        entries += [("", title), *((group.key, group) for group in groups)]
    return entries


def _behind(group: Group) -> str:
    """The object, and what the chain ends in."""
    own, end = object_of(group.first), root(group.first)
    return own if end in ("", own) else f"{own}, behind {end}" if own else end


def _in_order(shared: Sequence[Group], sort: str) -> list[Group]:
    if sort == "count":
        return sorted(shared, key=lambda group: -len(group.tasks))
    if sort == "name":
        return sorted(shared, key=lambda group: group.first.comm.casefold())
    if sort == "function":
        return sorted(shared, key=lambda group: place_of(group.first))
    return list(shared)


def _row(group: Group, t: float) -> list[Cell]:
    first = group.first
    return [
        Cell(str(len(group.tasks)), "bold red"),
        Cell(words.stuck_for(first, t - group.since), "bold"),
        Cell(first.state),
        killable(first),
        Cell(place_of(first)),
        Cell(killers(group.tasks)),
        Cell(_names(group)),
    ]


def _names(group: Group) -> str:
    names = [words.task_name(task.comm, task.pid, task.tid) for task in group.tasks[:_NAMES_SHOWN]]
    more = len(group.tasks) - len(names)
    return ", ".join(names) + (f", +{more}" if more else "")


def _members(group: Group, t: float, width: int) -> list[Text]:
    """Names and times of all, in as many columns as there is room for."""
    shown = group.tasks[:_NAMES_LISTED]
    cells = [
        f"{words.task_name(task.comm, task.pid, task.tid)} {words.stuck_for(task, t - since(task))}"
        for task in shown
    ]
    each = max(map(cell_len, cells)) + 2
    columns = max(1, (width - 2) // each)
    lines = [
        Text("  " + "".join(cell.ljust(each) for cell in cells[at : at + columns]).rstrip())
        for at in range(0, len(cells), columns)
    ]
    more = len(group.tasks) - len(shown)
    return [*lines, *([Text(f"  and {count(more, 'more thread')}", style="dim")] if more else [])]

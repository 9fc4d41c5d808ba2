"""The table of stuck tasks on the screen."""

from collections.abc import Sequence

from rich.text import Text

from ktrace.findings import StuckTask
from ktrace.views import shorten, words
from ktrace.views.list_body import Wishes
from ktrace.views.screen_details import brief, everything
from ktrace.views.screen_list import Section
from ktrace.views.screen_table import Cell, Column, up_to
from ktrace.views.stuck_groups import killer, since

_FUNCTION = 20  # characters that a function has before others give it room
_COLUMNS = (
    Column("TASK", 2, shorten.least_of_task, cut=shorten.task),
    Column("STATE", 6, may_go=True),
    Column("FOR", 0, right=True),
    Column("WAITS IN", 1, up_to(_FUNCTION)),
    Column("PRIMITIVE", 8, may_go=True),
    Column("KILL?", 5, may_go=True),
    Column("KILLED BY", 7, shorten.least_of_task, may_go=True, cut=shorten.task),
)


def section(
    title: Text, tasks: Sequence[StuckTask], t: float, width: int, wishes: Wishes, tree: str
) -> Section:
    """tree: the id of the one whose chain is shown in any case."""

    def beneath(key: str, task: StuckTask) -> list[Text]:
        if key in wishes.opened:
            return everything(task, width)
        return brief(task, width, wishes.brief) if key == tree else []

    entries = [(task.id, task) for task in tasks]
    return Section(title, _COLUMNS, entries, lambda task: _row(task, t), beneath)


def _row(task: StuckTask, t: float) -> list[Cell]:
    name = words.task_name(task.comm, task.pid, task.tid)
    ended = task.outcome is not None
    age = task.stuck_s if ended else t - since(task)
    cells = [
        Cell(name, "bold red"),
        Cell(task.state),
        Cell(words.stuck_for(task, age), "bold"),
        Cell(words.ending(task) if ended else words.waits_in(task)),
        Cell(words.primitive(task)),
        killable(task),
        Cell(killer(task)),
    ]
    return [Cell(cell.text, "bright_black") for cell in cells] if ended else cells


def killable(task: StuckTask) -> Cell:
    """Does SIGKILL wake it?"""
    answer = words.killable(task)
    return Cell(answer, "red" if answer == "no" else "")

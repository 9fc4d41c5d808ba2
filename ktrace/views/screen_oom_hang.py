"""The body of oom-hang's screen: what is stuck, in groups and each by itself, and OOM kills."""

import heapq
from collections.abc import Sequence

from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.stuck import StuckTasks
from ktrace.findings import StuckTask
from ktrace.views import screen_stuck_group, screen_stuck_task, words
from ktrace.views.deadlock import members
from ktrace.views.list_body import ListBody, Wishes
from ktrace.views.oom_counts import oom_kills
from ktrace.views.screen_list import Section
from ktrace.views.screen_oom_kills import KillsTable
from ktrace.views.stuck_groups import Group, groups, headline, since
from ktrace.views.stuck_order import in_order, matches
from ktrace.views.stuck_report import none_now

_SEARCHED = 32  # of the longest stuck, for a deadlock
_ENDED_SHOWN_S = 20.0
_GROUPED_FROM = 5  # threads: fewer are looked at one by one


class OomHangBody(ListBody):
    """Groups come first, the longest stuck with its wait chain; then the tasks, those that have
    ended last; OOM kills stay at the bottom."""

    def __init__(self) -> None:
        self._open: tuple[StuckTask, ...] = ()
        self._ended: tuple[StuckTask, ...] = ()
        self._groups: list[Group] = []
        self._tree = ""  # the id of the one whose chain is shown in any case
        self._measured = True
        self._total = 0
        self._longest_s = 0.0
        self._zombies = 0
        self._none = ""
        self._kills = KillsTable()

    def take(self, analysis: Analysis) -> None:
        stuck = analysis.of(StuckTasks)
        found = tuple(stuck.open.values())
        if found != self._open:
            self._open, self._groups = found, groups(found)
            self._tree = _to_look_at(found)
        self._ended = tuple(stuck.ended)
        self._measured = bool(stuck.total) or analysis.measured("task")
        self._total, self._longest_s = stuck.total, stuck.longest_s
        self._zombies = len(stuck.zombies)
        self._none = f"{none_now(analysis)}; {oom_kills(analysis)}"
        self._kills.take(analysis)

    def headline(self, t: float) -> Text:
        if self._open:
            return Text(headline(self._open, t), style="bold red")
        if self._total:
            longest = words.seconds(self._longest_s)
            were = (
                f"{self._total} {'was' if self._total == 1 else 'were'}, the longest for {longest}"
            )
            return Text(f"nothing is stuck now; {were}", style="bold green")
        return Text(self._none, style="" if self._measured else "yellow")

    def sections(self, t: float, width: int, wishes: Wishes) -> Sequence[Section]:
        found = [task for task in self._open if matches(task, wishes.filter)]
        chosen = groups(found) if wishes.filter else self._groups
        many = len(found) >= _GROUPED_FROM
        shared = [group for group in chosen if many and len(group.tasks) > 1]
        tree = self._tree
        title = self._title(t, len(found), wishes)
        sections = []
        if shared:
            sections.append(screen_stuck_group.section(title, shared, t, width, wishes, tree))
            title = Text("Tasks", style="bold")
        in_a_group = {task.id for group in shared for task in group.tasks}
        order = [task.id for group in chosen for task in group.tasks]
        tasks = in_order(found, wishes.sort, order)
        ended = [
            task
            for task in reversed(self._ended)
            if t - task.t < _ENDED_SHOWN_S and matches(task, wishes.filter)
        ]
        table = screen_stuck_task.section(
            title, [*tasks, *ended], t, width, wishes, "" if tree in in_a_group else tree
        )
        return [*sections, table]

    def bottom(self, t: float, width: int, rows: int) -> list[Text]:
        return self._kills.lines(t, width, rows)

    def ages(self) -> bool:
        return bool(self._open) or self._kills.ages() or bool(self._ended)

    def _title(self, t: float, shown: int, wishes: Wishes) -> Text:
        title = Text(no_wrap=True, overflow="ellipsis")
        if not self._total and not self._measured:
            title.append("Stuck after SIGKILL", style="bold")
            return title.append("  not measured (no probe on task)")
        if not self._total and not self._zombies:
            return title
        title.append("Stuck after SIGKILL", style="bold")
        title.append(f"  {len(self._open)} now, {self._total} in all")
        if self._total:
            ages = [self._longest_s, *(t - since(task) for task in self._open)]
            title.append(f", longest {words.seconds(max(ages))}")
        if wishes.filter:
            title.append(f'; {shown} with "{wishes.filter}"', style="yellow")
        if self._zombies:
            dead = f"; {words.count(self._zombies, 'zombie')} (dead, not stuck)"
            title.append(dead, style="dim")
        return title


def _to_look_at(found: Sequence[StuckTask]) -> str:
    """The longest stuck, but rather one that is in a deadlock."""
    oldest = heapq.nsmallest(_SEARCHED, found, key=since)
    chosen = next((task for task in oldest if members(task)), oldest[0] if oldest else None)
    return chosen.id if chosen else ""

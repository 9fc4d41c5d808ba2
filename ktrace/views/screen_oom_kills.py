"""The table of OOM kills on the screen: the newest, each with what became of it."""

from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.kills import Kill
from ktrace.views import shorten, words
from ktrace.views.oom_counts import calls, count_calls, count_oom_kills
from ktrace.views.safe_text import safe
from ktrace.views.screen_table import Cell, Column, Table, up_to

_NOT_MEASURED = "not measured"
_COLUMNS = (
    Column("AT", 5, right=True, may_go=True),
    Column("VICTIM", 1, shorten.least_of_task, cut=shorten.task),
    Column("MEMORY", 4, right=True, may_go=True),
    Column("REQUEST", 9, up_to(20), may_go=True),
    Column("INVOKED BY", 6, shorten.least_of_task, may_go=True, cut=shorten.task),
    Column("REAPER", 7, may_go=True),
    Column("CGROUP", 8, up_to(12), may_go=True, cut=shorten.in_middle),
    Column("OUTCOME", 0),
)


class KillsTable:
    """Nothing where there was no kill."""

    def __init__(self) -> None:
        self._kills: list[Kill] = []
        self._title = ""
        self._start = 0.0

    def take(self, analysis: Analysis) -> None:
        self._kills = analysis.oom_kills
        self._start = analysis.session.t
        number = count_oom_kills(analysis)
        self._title = _NOT_MEASURED if number is None else str(number)
        if (count_calls(analysis) or 0) > analysis.kills.oom_total:
            self._title += f", {calls(analysis)}"

    def ages(self) -> bool:
        """Is one not over?"""
        return any(not kill.over for kill in self._kills)

    def lines(self, t: float, width: int, rows: int) -> list[Text]:
        """Title, head and the newest kills; at most so many lines."""
        if rows < 1 or not (self._kills or self._title == _NOT_MEASURED):
            return []
        title = Text("OOM kills", style="bold", no_wrap=True, overflow="ellipsis")
        title.append(f"  {self._title}", style="not bold")
        if not self._kills:
            return [title]
        newest = self._kills[-1 : -max(1, rows - 2) - 1 : -1]
        shown = [self._row(kill, t) for kill in newest]
        table = Table(_COLUMNS, shown, width)
        return [title, table.head(), *map(table.line, shown)][-rows:]

    def _row(self, kill: Kill, t: float) -> list[Cell]:
        return [
            Cell(f"{kill.begun_t - self._start:.1f}s"),
            Cell(words.name_of(kill.victim)),
            Cell(words.kill_memory(kill)),
            Cell(words.kill_request(kill)),
            Cell(words.invoked_by(kill)),
            Cell(kill.reaper or "-"),
            Cell(safe(kill.choice.cgroup) if kill.choice else "?"),
            _outcome(kill, t),
        ]


def _outcome(kill: Kill, t: float) -> Cell:
    if kill.stuck:
        return Cell(f"STUCK {words.seconds(t - kill.t)}", "bold red")
    if kill.died_t is None:
        return Cell("not seen to die" if kill.over else "dying", "yellow")
    name = words.signal_name(kill.exit_signal).removeprefix("SIG")
    return Cell(f"dead {words.seconds(kill.died_t - kill.t)} {name}", "green")

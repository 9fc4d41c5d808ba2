"""The live screen: kernel and probes, OOM kills, stuck tasks, and the longest stuck in detail."""

import sys
from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.oom_kills import Kill
from ktrace.events import Event
from ktrace.findings import End, Finding, StuckTask
from ktrace.views import words
from ktrace.views.safe_text import safe
from ktrace.views.summary import head_lines, probe_count, summary_lines

_REFRESH_S = 1.0  # the ages count up in it; what happens is shown at once, but not faster than
_AT_MOST_EVERY_S = 0.2
_FIXED_LINES = 10  # header, rules, titles, heads of tables, blanks between, footer


class ScreenView:
    """Draws only when something happened or a second has passed."""

    child_output = "kept"

    def __init__(self, footer: str = "", console: Console | None = None) -> None:
        # force_terminal: rich would ask again, and draw nothing on one that has gone away, where
        # the error of a write tells us
        self._console = console or Console(
            file=sys.stdout, force_terminal=True, highlight=False, markup=False
        )
        self._footer = footer
        self._live: Live | None = None
        self._drawn_t = 0.0
        self._changed = True
        self._notes: list[str] = []

    def start(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._live = Live(
            self.render(analysis.t),
            console=self._console,
            auto_refresh=False,
            screen=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start(refresh=True)

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        self._changed = True

    def tick(self, t: float) -> None:
        wait = _AT_MOST_EVERY_S if self._changed else _REFRESH_S
        if self._live is None or t - self._drawn_t < wait:
            return
        self._drawn_t = t
        self._changed = False
        self._live.update(self.render(t), refresh=True)

    def note(self, text: str) -> None:
        self._notes.append(text)

    def end(self, end: End) -> None:
        """Leave the summary on the terminal."""
        self.close()
        lines = [*head_lines(self._analysis), *summary_lines(self._analysis, end)]
        for line in [*lines, *self._notes]:
            self._console.print(Text(line))

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def render(self, t: float) -> RenderableType:
        """The whole screen at time t, as high as the terminal."""
        width, height = self._console.size
        stuck, kills = self._analysis.stuck.open, self._analysis.oom.kills
        room = max(2, height - _FIXED_LINES)
        longest = self._longest(t)
        detail = _detail(longest, self._analysis.stuck.age(longest, t), width) if longest else []
        stuck_rows = max(1, min(len(stuck), room // 3))
        detail = detail[: room - stuck_rows - 1]
        oom_rows = max(1, min(len(kills), room - stuck_rows - len(detail)))
        # an empty table is one line, and has no head
        used = _FIXED_LINES + stuck_rows + oom_rows - (not stuck) - (not kills) + len(detail)
        return Group(
            self._header(t, width),
            Rule(style="dim"),
            *self._oom(t, oom_rows, width),
            *self._stuck(t, stuck_rows),
            Text(""),
            *detail,
            *[Text("")] * (height - used),
            Rule(style="dim"),
            self._foot(width),
        )

    def _longest(self, t: float) -> StuckTask | None:
        stuck = self._analysis.stuck
        return max(stuck.open.values(), key=lambda finding: stuck.age(finding, t), default=None)

    def _header(self, t: float, width: int) -> Text:
        session = self._analysis.session
        lost = sum(self._analysis.lost.values())
        head = Text(no_wrap=True, overflow="ellipsis")
        head.append(f"ktrace {session.command}", style="bold")
        head.append(f"   {safe(session.kernel)}   {words.clock(t - session.t)}   ")
        head.append(probe_count(self._analysis))
        head.append(f"   lost {lost}", style="bold red" if lost else "")
        return head

    def _oom(self, t: float, rows: int, width: int) -> list[RenderableType]:
        oom = self._analysis.oom
        title = _title("OOM kills")
        title.append(f"  {oom.total} in {words.seconds(t - self._analysis.session.t)}")
        if oom.invocations > oom.total:
            title.append(f", {oom.invocations} calls of out_of_memory()")
        table = _table()
        table.add_column("AT", justify="right", no_wrap=True)
        table.add_column("VICTIM", no_wrap=True, ratio=3)
        table.add_column("MEMORY", justify="right", no_wrap=True)
        table.add_column("REQUEST", no_wrap=True, ratio=4)
        table.add_column("ASKED BY", no_wrap=True, ratio=3)
        if width >= 100:
            table.add_column("REAPER", no_wrap=True)
        if width >= 120:
            table.add_column("CGROUP", no_wrap=True, ratio=3)
        table.add_column("OUTCOME", no_wrap=True, min_width=15)
        for kill in list(oom.kills)[-1 : -rows - 1 : -1]:
            table.add_row(*self._oom_row(kill, t, width))
        return [title, table if oom.kills else Text("  none yet", style="dim"), Text("")]

    def _oom_row(self, kill: Kill, t: float, width: int) -> list[Text]:
        cells = [
            Text(f"{kill.t - self._analysis.session.t:.1f}s"),
            Text(words.name_of(kill.victim)),
            Text(words.kill_memory(kill)),
            Text(words.kill_request(kill)),
            Text(words.name_of(kill.by)),
        ]
        if width >= 100:
            cells.append(Text(kill.reaper or "-"))
        if width >= 120:
            cells.append(Text(safe(kill.choice.cgroup) if kill.choice else "?"))
        return [*cells, self._oom_outcome(kill, t)]

    def _oom_outcome(self, kill: Kill, t: float) -> Text:
        stuck = self._analysis.stuck
        ages = [stuck.age(f, t) for f in stuck.open.values() if f.pid == kill.victim.pid]
        if ages:
            return Text(f"STUCK {words.seconds(max(ages))}", style="bold red")
        if kill.died_t is None:
            return Text("dying", style="yellow")
        name = words.signal_name(kill.exit_signal).removeprefix("SIG")
        return Text(f"dead {words.seconds(kill.died_t - kill.t)} {name}", style="green")

    def _stuck(self, t: float, rows: int) -> list[RenderableType]:
        stuck = self._analysis.stuck
        title = _title("Stuck after SIGKILL")
        title.append(f"  {len(stuck.open)} now, {stuck.total} in all, longest ")
        longest = max([stuck.longest_s, *(stuck.age(f, t) for f in stuck.open.values())])
        title.append(words.seconds(longest))
        if stuck.zombies:
            title.append(f"; {len(stuck.zombies)} zombies (dead, not stuck)", style="dim")
        if not stuck.open:
            return [title, Text("  nobody", style="dim")]
        table = _table()
        table.add_column("TASK", no_wrap=True, ratio=3)
        table.add_column("STATE", no_wrap=True)
        table.add_column("FOR", justify="right", no_wrap=True)
        table.add_column("WAITS IN", no_wrap=True, ratio=4)
        table.add_column("PRIMITIVE", no_wrap=True, ratio=3)
        table.add_column("WAKES?", no_wrap=True)
        oldest = sorted(stuck.open.values(), key=lambda f: -stuck.age(f, t))
        for finding in oldest[:rows]:
            table.add_row(*_stuck_row(finding, stuck.age(finding, t)))
        more = len(stuck.open) - rows
        return [title, table] if more <= 0 else [_more(title, more), table]

    def _foot(self, width: int) -> Text:
        keys = "Ctrl-C: stop and summarise"
        note = safe(self._notes[-1]) if self._notes else self._footer
        left = f"{note} ({self._analysis.events} events)" if note else ""
        room = max(0, width - len(keys) - 2)
        return Text(f"{left[:room]:<{room}}  {keys}", no_wrap=True, style="dim")


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True, header_style="dim")


def _title(text: str) -> Text:
    title = Text(no_wrap=True, overflow="ellipsis")
    return title.append(text, style="bold")


def _more(title: Text, more: int) -> Text:
    return title.append(f" ({more} more not shown)", style="dim")


def _stuck_row(finding: StuckTask, age: float) -> Iterable[Text]:
    wakes = words.wakes(finding)
    yield Text(words.task_name(finding.comm, finding.pid, finding.tid), style="bold red")
    yield Text(finding.state)
    yield Text(words.stuck_for(finding, age), style="bold")
    yield Text(words.waits_in(finding))
    yield Text(words.primitive(finding))
    yield Text(wakes, style="red" if wakes == "no" else "")


def _detail(finding: StuckTask, age: float, width: int) -> list[RenderableType]:
    """The longest stuck: who killed it, its stack, what that means, who is in the way."""
    head = Text(no_wrap=True, overflow="ellipsis")
    head.append(words.task_name(finding.comm, finding.pid, finding.tid), style="bold red")
    head.append(f"  {words.killed_by(finding.killed)}, {words.stuck_for(finding, age)} ago")
    lines: list[RenderableType] = [head]
    lines += [Text("  " + line, no_wrap=True) for line in _wrap(finding.stack, width - 2)[:3]]
    console = Console(width=width)
    lines += list(Text(words.meaning(finding), style="yellow").wrap(console, width))
    for blocker in finding.blocked_by[:2]:
        text = f"in the way: {words.in_the_way(blocker)}"
        lines.append(Text(text, no_wrap=True, overflow="ellipsis"))
    more = len(finding.blocked_by) - 2
    if more > 0:
        lines.append(Text(f"  and {more} more", style="dim"))
    return lines


def _wrap(stack: Iterable[str], width: int) -> list[str]:
    """Frames, two spaces between, in lines of at most width; the scheduler's own left out."""
    lines = [""]
    for frame in stack:
        name = safe(frame)
        if name.startswith(("__schedule+", "schedule+")):
            continue
        if len(lines[-1]) + len(name) + 2 > width:
            lines.append("")
        lines[-1] += ("  " if lines[-1] else "") + name
    return [line for line in lines if line]

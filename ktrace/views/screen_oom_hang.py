"""The body of oom-hang's screen: OOM kills, stuck tasks, and the longest stuck in detail."""

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.kills import Kill
from ktrace.detectors.stuck import StuckTasks
from ktrace.findings import StuckTask
from ktrace.views import words
from ktrace.views.oom_counts import calls, count_calls, count_oom_kills
from ktrace.views.safe_text import safe
from ktrace.views.wait_chain import chain_lines

_FIXED_LINES = 6  # titles, heads of the tables, blanks between the parts


class OomHangBody:
    """Three parts; the height goes to the stuck tasks first."""

    def lines(self, analysis: Analysis, t: float, width: int, height: int) -> list[RenderableType]:
        stuck = analysis.of(StuckTasks)
        longest = max(stuck.open.values(), key=lambda f: stuck.age(f, t), default=None)
        detail = _detail(longest, stuck.age(longest, t), width) if longest else []
        room = max(2, height - _FIXED_LINES)
        # each part is promised some rows, and may have what the others leave
        detail = detail[: max(0, room - max(1, room // 3) - 1)]
        oom_rows = max(1, min(len(analysis.kills.oom), max(1, room // 4)))
        stuck_rows = max(1, min(len(stuck.open), room - len(detail) - oom_rows))
        oom_rows = max(1, min(len(analysis.kills.oom), room - len(detail) - stuck_rows))
        return [
            *_oom(analysis, t, oom_rows, width),
            *_stuck(analysis, t, stuck_rows),
            Text(""),
            *detail,
        ]


def _oom(analysis: Analysis, t: float, rows: int, width: int) -> list[RenderableType]:
    kills = analysis.kills
    title = _title("OOM kills")
    number = count_oom_kills(analysis)
    if number is None:
        return [title.append("  not measured"), Text("")]
    title.append(f"  {number} in {words.watched(analysis.session, t)}")
    if (count_calls(analysis) or 0) > kills.oom_total:
        title.append(f", {calls(analysis)}")
    table = _table()
    table.add_column("AT", justify="right", no_wrap=True)
    table.add_column("VICTIM", no_wrap=True, ratio=3)
    table.add_column("MEMORY", justify="right", no_wrap=True)
    table.add_column("REQUEST", no_wrap=True, ratio=4)
    table.add_column("INVOKED BY", no_wrap=True, ratio=3)
    if width >= 100:
        table.add_column("REAPER", no_wrap=True)
    if width >= 120:
        table.add_column("CGROUP", no_wrap=True, ratio=3)
    table.add_column("OUTCOME", no_wrap=True, min_width=15)
    for kill in list(kills.oom)[-1 : -rows - 1 : -1]:
        table.add_row(*_oom_row(analysis, kill, t, width))
    return [title, table if kills.oom else Text("  none yet", style="dim"), Text("")]


def _oom_row(analysis: Analysis, kill: Kill, t: float, width: int) -> list[Text]:
    cells = [
        Text(f"{kill.begun_t - analysis.session.t:.1f}s"),
        Text(words.name_of(kill.victim)),
        Text(words.kill_memory(kill)),
        Text(words.kill_request(kill)),
        Text(words.invoked_by(kill)),
    ]
    if width >= 100:
        cells.append(Text(kill.reaper or "-"))
    if width >= 120:
        cells.append(Text(safe(kill.choice.cgroup) if kill.choice else "?"))
    return [*cells, _oom_outcome(kill, t)]


def _oom_outcome(kill: Kill, t: float) -> Text:
    if kill.stuck:
        return Text(f"STUCK {words.seconds(t - kill.t)}", style="bold red")
    if kill.died_t is None:
        return Text("not seen to die" if kill.over else "dying", style="yellow")
    name = words.signal_name(kill.exit_signal).removeprefix("SIG")
    return Text(f"dead {words.seconds(kill.died_t - kill.t)} {name}", style="green")


def _stuck(analysis: Analysis, t: float, rows: int) -> list[RenderableType]:
    stuck = analysis.of(StuckTasks)
    title = _title("Stuck after SIGKILL")
    if not stuck.total and not analysis.measured("task"):
        return [title.append("  not measured (no probe on task)")]
    title.append(f"  {len(stuck.open)} now, {stuck.total} in all")
    if stuck.total:
        longest = max([stuck.longest_s, *(stuck.age(f, t) for f in stuck.open.values())])
        title.append(f", longest {words.seconds(longest)}")
    if stuck.zombies:
        title.append(
            f"; {words.count(len(stuck.zombies), 'zombie')} (dead, not stuck)", style="dim"
        )
    if not stuck.open:
        return [title, Text("  none", style="dim")]
    table = _table()
    table.add_column("TASK", no_wrap=True, ratio=3)
    table.add_column("STATE", no_wrap=True)
    table.add_column("FOR", justify="right", no_wrap=True)
    table.add_column("WAITS IN", no_wrap=True, ratio=4)
    table.add_column("PRIMITIVE", no_wrap=True, ratio=3)
    table.add_column("KILLABLE", no_wrap=True)
    oldest = sorted(stuck.open.values(), key=lambda f: -stuck.age(f, t))
    for finding in oldest[:rows]:
        table.add_row(*_stuck_row(finding, stuck.age(finding, t)))
    more = len(stuck.open) - rows
    return [title, table] if more <= 0 else [_more(title, more), table]


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True, header_style="dim")


def _title(text: str) -> Text:
    title = Text(no_wrap=True, overflow="ellipsis")
    return title.append(text, style="bold")


def _more(title: Text, more: int) -> Text:
    return title.append(f" ({more} more not shown)", style="dim")


def _stuck_row(finding: StuckTask, age: float) -> Iterable[Text]:
    killable = words.killable(finding)
    yield Text(words.task_name(finding.comm, finding.pid, finding.tid), style="bold red")
    yield Text(finding.state)
    yield Text(words.stuck_for(finding, age), style="bold")
    yield Text(words.waits_in(finding))
    yield Text(words.primitive(finding))
    yield Text(killable, style="red" if killable == "no" else "")


def _detail(finding: StuckTask, age: float, width: int) -> list[RenderableType]:
    """The longest stuck: who killed it, what blocks it, its stack, what that means."""
    head = Text(no_wrap=True, overflow="ellipsis")
    head.append(words.task_name(finding.comm, finding.pid, finding.tid), style="bold red")
    head.append(f"  stuck for {words.stuck_for(finding, age)}; {words.killed_by(finding.killed)}")
    lines: list[RenderableType] = [head]
    for line in chain_lines(finding):  # first: a small screen has no room for all
        lines += _wrapped(line, width, "")
    lines += [Text("  " + line, no_wrap=True) for line in _wrap(finding.stack, width - 2)[:3]]
    return [*lines, *_wrapped(words.meaning(finding), width, "yellow")]


def _wrapped(text: str, width: int, style: str) -> list[Text]:
    return list(Text(text, style=style).wrap(Console(width=width), width))


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

"""The body of the screen of squashfs: its caches, those that thrash, files, waits."""

from rich.console import Console, RenderableType
from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.squashfs_use import SquashfsCaches
from ktrace.detectors.squashfs_waiters import Waiters
from ktrace.detectors.squashfs_window import Recent
from ktrace.events import FILES, CacheState
from ktrace.findings import SquashfsThrash
from ktrace.views import shorten, squashfs_text, words
from ktrace.views.screen_table import Cell, Column, Table
from ktrace.views.squashfs_report import histogram
from ktrace.views.squashfs_text import brief, short

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
_HANGING = 4
_WAITERS_SHOWN = 5


class SquashfsBody:
    """The caches come first, then what thrashes; files and waits get what is left."""

    def lines(self, analysis: Analysis, t: float, width: int, height: int) -> list[RenderableType]:
        caches = analysis.of(SquashfsCaches)
        recent = caches.recent(t)
        found: list[RenderableType] = [_title(analysis, recent, t)]
        if recent:
            table = Table(_COLUMNS, rows := [_row(one) for one in recent], width)
            found += [table.head(), *map(table.line, rows)]
        for finding in caches.open.values():
            found += ["", *_thrash(finding, width)]
        if caches.waiters.newest:
            found += ["", *_asleep(caches.waiters, t)]
        if files := caches.busiest():
            found += ["", Text("Files for which most was read", style="bold")]
            found += [_plain(f"  {squashfs_text.file_line(file)}") for file in files]
        for one in recent:
            if one.use.slept:
                found += ["", *_waits(one)]
        kept = found[:height]
        if kept and len(kept) < len(found):
            left = words.count(len(found) - len(kept) + 1, "more line")
            kept[-1] = Text(f"  {left} not shown", style="dim")
        return kept


def _title(analysis: Analysis, recent: list[Recent], t: float) -> Text:
    title = _plain("")
    title.append("squashfs", style="bold")
    if not analysis.measured("squashfs_read_data"):
        waiting = analysis.probes.get("squashfs_read_data")
        loaded = (
            "its module is not loaded" if waiting and waiting.state == "waiting" else "no probe"
        )
        return title.append(f"  not measured: {loaded}")
    if not recent:
        return title.append(f"  nothing read in {words.watched(analysis.session, t)}")
    return title.append(f"  in the last {words.seconds(max(one.over_s for one in recent))}")


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
        Cell(brief(use.bytes_read / over)),
        Cell(brief(use.bytes_inflated / over)),
        Cell(brief(use.bytes_used / over) if cached else "?"),
        Cell(squashfs_text.waits(use)),
    ]


def _in_use(state: CacheState | None, entries: int) -> str:
    return f"{state.in_use if state else '?'}/{entries or '?'}"


def _thrash(finding: SquashfsThrash, width: int) -> list[RenderableType]:
    where = squashfs_text.place(finding.device, finding.mount, finding.cache)
    head = _plain("")
    head.append(f"THRASH  {where}", style="bold red")
    head.append(f"  {squashfs_text.again(finding)}")
    lines: list[RenderableType] = [head]
    console = Console(width=max(20, width - _HANGING))
    facts = [text for text in squashfs_text.numbers(finding) if not text.startswith("for ")]
    for text in (*facts, *squashfs_text.advice(finding)):
        for number, part in enumerate(Text(text).wrap(console, console.width)):
            part.rstrip()
            lines.append(Text("  " if number == 0 else " " * _HANGING).append_text(part))
    return lines


def _asleep(waiters: Waiters, t: float) -> list[RenderableType]:
    title = _plain("")
    title.append("Asleep for an entry", style="bold")
    ago = f", {words.seconds(max(0.0, t - waiters.t))} ago" if waiters.t is not None else ""
    title.append(f"  {words.count(len(waiters.newest), 'thread')} at the newest walk{ago}")
    shown = waiters.newest[:_WAITERS_SHOWN]
    return [title, *(_plain(f"  {squashfs_text.waiter_line(waiter)}") for waiter in shown)]


def _waits(one: Recent) -> list[RenderableType]:
    where = squashfs_text.place(one.use.device, one.use.mount, one.use.name)
    title = _plain("")
    title.append("Waits for an entry", style="bold")
    title.append(f"  {where}")
    if one.use.longest_wait:
        longest = one.use.longest_wait
        title.append(f"; the longest {short(longest.s)}, {words.name_of(longest.task)}")
    return [title, *map(_plain, histogram(one.use.slept))]


def _plain(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")

"""The body of the screen of squashfs: its caches, those that thrash, files, waits, costs."""

from collections.abc import Callable, Sequence

from rich.console import Console, RenderableType
from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.squashfs_use import FILES_TOLD, SquashfsCaches
from ktrace.detectors.squashfs_waiters import Waiters
from ktrace.detectors.squashfs_window import Recent
from ktrace.findings import SquashfsThrash
from ktrace.views import squashfs_text, words
from ktrace.views.screen_squashfs_table import cache_lines
from ktrace.views.squashfs_costs import cost_line
from ktrace.views.squashfs_report import histogram, histogram_line
from ktrace.views.squashfs_text import short

_HANGING = 4
_WAITERS_SHOWN = 5
_FILES_ON_LITTLE = 3  # room
_Lines = list[RenderableType]


class SquashfsBody:
    """The caches come first, then what thrashes. Where there is little room, histograms are
    shortened, or texts, or both."""

    def lines(self, analysis: Analysis, t: float, width: int, height: int) -> list[RenderableType]:
        caches = analysis.of(SquashfsCaches)
        recent = caches.recent(t)
        head = [_title(analysis, recent, t), *(cache_lines(recent, width) if recent else ())]
        wrapping = _wrapping(width)
        for text, drawn in (
            (wrapping, histogram),
            (wrapping, histogram_line),
            (_one_line, histogram),
            (_one_line, histogram_line),
        ):
            found = [*head]
            for part in _parts(caches, recent, t, text, drawn):
                found += ["", *part]
            if len(found) <= height:
                return found
        kept = [line for line in found if line != ""]
        if len(kept) > height > 0:
            left = words.count(len(kept) - height + 1, "more line")
            kept[height - 1] = Text(f"  {left} not shown", style="dim")
        return kept[:height]


def _parts(
    caches: SquashfsCaches,
    recent: Sequence[Recent],
    t: float,
    text: Callable[[str], list[str]],
    drawn: Callable[[Sequence[int]], list[str]],
) -> list[_Lines]:
    """text, drawn: the lines of a text, of a histogram."""
    parts = [_thrash(finding, text) for finding in caches.open.values()]
    if caches.waiters.newest:
        parts.append(_asleep(caches.waiters, t))
    if files := caches.busiest(count=_FILES_ON_LITTLE if text is _one_line else FILES_TOLD):
        lines = [_plain(f"  {squashfs_text.file_line(file)}") for file in files]
        parts.append([_headed("Files for which most was read"), *lines])
    parts += [_waits(one, drawn) for one in recent if one.use.slept]
    if caches.newest:
        parts.append([_headed("Cost of the probes", cost_line(caches.newest))])
    return parts


def _one_line(text: str) -> list[str]:
    """The screen cuts it."""
    return [text]


def _title(analysis: Analysis, recent: Sequence[Recent], t: float) -> Text:
    if not analysis.measured("squashfs_read_data"):
        waiting = analysis.probes.get("squashfs_read_data")
        loaded = (
            "its module is not loaded" if waiting and waiting.state == "waiting" else "no probe"
        )
        return _headed("squashfs", f"not measured: {loaded}")
    if not recent:
        return _headed("squashfs", f"nothing read in {words.watched(analysis.session, t)}")
    lasted = words.seconds(max(one.over_s for one in recent))
    return _headed("squashfs", f"in the last {lasted}")


def _thrash(finding: SquashfsThrash, lines_of: Callable[[str], list[str]]) -> _Lines:
    where = squashfs_text.place(finding.device, finding.mount, finding.cache)
    head = _plain("")
    head.append(f"THRASH  {where}", style="bold red")
    head.append(f"  {squashfs_text.again(finding)}")
    lines: _Lines = [head]
    for text in (*squashfs_text.numbers(finding), *squashfs_text.advice(finding)):
        for number, part in enumerate(lines_of(text)):
            lines.append(_plain("  " if number == 0 else " " * _HANGING).append(part))
    return lines


def _wrapping(width: int) -> Callable[[str], list[str]]:
    console = Console(width=max(20, width - _HANGING))
    return lambda text: [part.plain.rstrip() for part in Text(text).wrap(console, console.width)]


def _asleep(waiters: Waiters, t: float) -> _Lines:
    ago = f", {words.seconds(max(0.0, t - waiters.t))} ago" if waiters.t is not None else ""
    asleep = f"{words.count(len(waiters.newest), 'thread')} at the newest walk{ago}"
    shown = waiters.newest[:_WAITERS_SHOWN]
    lines = [_plain(f"  {squashfs_text.waiter_line(waiter)}") for waiter in shown]
    return [_headed("Asleep for an entry", asleep), *lines]


def _waits(one: Recent, drawn: Callable[[Sequence[int]], list[str]]) -> _Lines:
    where = squashfs_text.place(one.use.device, one.use.mount, one.use.name)
    if one.use.longest_wait:
        longest = one.use.longest_wait
        where += f"; the longest {short(longest.s)}, {words.name_of(longest.task)}"
    return [_headed("Waits for an entry", where), *map(_plain, drawn(one.use.slept))]


def _headed(head: str, text: str = "") -> Text:
    title = _plain("")
    title.append(head, style="bold")
    return title.append(f"  {text}") if text else title


def _plain(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")

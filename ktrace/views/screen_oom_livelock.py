"""The body of oom-livelock's screen: livelocks, why, and the newest kills with their steps."""

from rich.console import Console, RenderableType
from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.kills import Kill
from ktrace.detectors.livelock import Livelocks
from ktrace.findings import OomLivelock
from ktrace.views import livelock_text, words
from ktrace.views.kill_timeline import compact, result
from ktrace.views.oom_counts import calls, count_calls, count_oom_kills
from ktrace.views.safe_text import safe

_OVER = 3  # newest of those that have ended
_DOUBTS = 3  # newest
_HANGING = 4  # what continues a line is set in by this much


class OomLivelockBody:
    """The height goes to the livelocks first; each kill has two lines."""

    def lines(self, analysis: Analysis, t: float, width: int, height: int) -> list[RenderableType]:
        found: list[RenderableType] = [_title(analysis, t)]
        livelocks = analysis.of(Livelocks)
        longest = sorted(livelocks.open.values(), key=lambda f: f.since_t)
        for finding in longest:
            found += _livelock(finding, t, width)
        for doubt in livelocks.unexplained[-_DOUBTS:]:
            text = f"not known: {safe(doubt)}"
            found.append(Text(text, style="yellow", no_wrap=True, overflow="ellipsis"))
        over = [f for f in livelocks.found.values() if f.outcome is not None]
        found += [_over(finding) for finding in over[: -_OVER - 1 : -1]]
        if len(found) == 1 and count_calls(analysis) is not None:
            found.append(Text("  none", style="dim"))
        kills = analysis.oom_kills
        kept = found[: max(2, height - min(len(kills) * 2, max(2, height // 3)) - 2)]
        if len(kept) < len(found):
            kept[-1] = Text(
                f"  {words.count(len(found) - len(kept) + 1, 'more line')} not shown", style="dim"
            )
        room = height - len(kept) - 2
        return [*kept, Text(""), *_kills(analysis, kills, room)]


def _title(analysis: Analysis, t: float) -> Text:
    livelock = analysis.of(Livelocks)
    title = Text(no_wrap=True, overflow="ellipsis")
    title.append("OOM livelocks", style="bold")
    if not livelock.total and count_calls(analysis) is None:
        return title.append("  not measured (no probe on out_of_memory())")
    title.append(f"  {len(livelock.open)} now, {livelock.total} in all; ")
    lasted = "" if count_calls(analysis) is None else f" in {words.watched(analysis.session, t)}"
    return title.append(f"{calls(analysis)}{lasted}")


def _livelock(finding: OomLivelock, t: float, width: int) -> list[RenderableType]:
    """What is told of it: the head at time t, the reason, then a fact a line."""
    head = Text(no_wrap=True, overflow="ellipsis")
    head.append(livelock_text.domain(finding), style="bold red")
    lasted = words.seconds(max(finding.lasted_s, t - finding.since_t))
    head.append(f"  for {lasted}, {livelock_text.rate(finding)}")
    if finding.call == "out_of_memory":
        head.append(f", {livelock_text.kills(finding)}")
    reason = livelock_text.reason(finding)
    lines: list[RenderableType] = [head, Text(f"  {reason}", style="yellow", no_wrap=True)]
    console = Console(width=max(20, width - _HANGING))
    for fact in livelock_text.details(finding):
        for number, part in enumerate(Text(fact).wrap(console, console.width)):
            part.rstrip()
            lines.append(Text("  " if number == 0 else " " * _HANGING).append_text(part))
    return lines


def _over(finding: OomLivelock) -> Text:
    """One that has ended, in a line."""
    line = Text("ended: ", style="green", no_wrap=True, overflow="ellipsis")
    what = f"{livelock_text.domain(finding)}: {livelock_text.reason(finding)}; "
    return line.append(f"{what}{livelock_text.numbers(finding)}", style="default")


def _kills(analysis: Analysis, kills: list[Kill], room: int) -> list[RenderableType]:
    title = Text(no_wrap=True, overflow="ellipsis")
    number = count_oom_kills(analysis)
    title.append("OOM kills", style="bold")
    title.append(f"  {'not measured' if number is None else number}")
    if not kills:
        return [title] if number is None else [title, Text("  none yet", style="dim")]
    lines: list[RenderableType] = [title]
    for kill in kills[-1 : -max(1, room // 2) - 1 : -1]:
        style = "green" if kill.died_t is not None else "yellow"
        at = f"  {kill.begun_t - analysis.session.t:6.1f}s  "
        head = Text(at, no_wrap=True, overflow="ellipsis")
        head.append(words.name_of(kill.victim), style="bold")
        head.append(f"  {words.kill_memory(kill)}, invoked by {words.invoked_by(kill)}: ")
        lines.append(head.append(result(kill), style=style))
        lines.append(Text(" " * len(at) + compact(kill), no_wrap=True, overflow="ellipsis"))
    return lines

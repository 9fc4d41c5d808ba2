"""The screen's other pages: help, OOM kill timelines, what ktrace's BPF programs cost."""

import textwrap

from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.kernel.bpf_stats import BpfStats
from ktrace.views.bpf_costs import cost_lines
from ktrace.views.kill_timeline import timeline
from ktrace.views.oom_counts import count_oom_kills
from ktrace.views.screen_model import HELP, TIMELINES

_KEYS_WIDTH = 20
_HELP = (
    ("arrows, PgUp, PgDn", "move; Home and End: to the first and the last line"),
    ("Enter", "open and close a group or a task: its stack, wait chain, what releases it"),
    ("s", "sort by: longest, count, name, function"),
    ("/", "show only what has a text in it: task, function, object, killer; Esc: all again"),
    ("p", "pause the display; tracing goes on"),
    ("t", "OOM kills with the times of their steps"),
    ("b", "what ktrace's own BPF programs cost, by the kernel's statistics"),
    ("Tab", "of several problems: one at a time"),
    ("Ctrl-Z", "to the shell; fg: back"),
    ("q, Ctrl-C", "stop and summarise; twice: at once"),
)
_HELP_REPLAY = (
    ("space", "stop the replay, and go on"),
    ("left, right", "ten seconds back, forward"),
    ("+, -", "faster, slower"),
    ("n", "to the next finding"),
)


class CostsPage:
    """The kernel counts only while the page is shown."""

    def __init__(self) -> None:
        self._stats: BpfStats | None = None

    def lines(self, width: int) -> list[str]:
        if self._stats is None:
            self._stats = BpfStats()
        return cost_lines(self._stats.read(), width)

    def close(self) -> None:
        if self._stats is not None:
            self._stats.close()
            self._stats = None


def page_lines(
    page: str, analysis: Analysis, width: int, costs: CostsPage, is_replay: bool
) -> list[Text]:
    """All lines of a page that is no list."""
    if page == HELP:
        return _help(width, is_replay)
    if page == TIMELINES:
        return _timelines(analysis)
    if is_replay:
        return [Text("A replay runs no BPF programs.")]
    return [Text(line, no_wrap=True, overflow="ellipsis") for line in costs.lines(width)]


def _help(width: int, is_replay: bool) -> list[Text]:
    lines = []
    for keys, what in (*_HELP, *(_HELP_REPLAY if is_replay else ())):
        first, *others = textwrap.wrap(what, max(20, width - _KEYS_WIDTH))
        lines.append(Text(f"{keys:<{_KEYS_WIDTH}}", style="bold").append(first, style="not bold"))
        lines += [Text(" " * _KEYS_WIDTH + other) for other in others]
    return lines


def _timelines(analysis: Analysis) -> list[Text]:
    """The newest kill first."""
    kills = analysis.oom_kills
    if not kills:
        unknown = count_oom_kills(analysis) is None
        return [Text("OOM kills: not measured" if unknown else "No OOM kill yet.")]
    lines = [Text("OOM kills, the newest first: ms since the first step, and since the one before")]
    for kill in reversed(kills):
        head, *steps = timeline(kill)
        lines += [Text(""), Text(head, style="bold"), *map(Text, steps)]
    return lines

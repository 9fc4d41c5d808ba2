"""What the screen tells of one stuck task beneath its row."""

import textwrap
from collections.abc import Iterable

from rich.text import Text

from ktrace.findings import StuckTask
from ktrace.kernel.wait_functions import function_of, is_scheduler
from ktrace.views import words
from ktrace.views.deadlock import deadlock
from ktrace.views.safe_text import safe
from ktrace.views.wait_chain import chain_lines

_BRIEF_STACK = 2
_INDENT = "  "


def everything(task: StuckTask, width: int) -> list[Text]:
    """Who killed it, what blocks it and what releases that, the whole stack, what that means."""
    lines = [*_hanging(words.killed_by(task.killed), width), *_chain(task, width)]
    lines += _hanging(words.meaning(task), width, "yellow")
    frames = [Text(f"{_INDENT * 2}{safe(frame)}") for frame in task.stack]
    return [*lines, *(frames or [Text(f"{_INDENT * 2}its stack is not known", style="dim")])]


def brief(task: StuckTask, width: int, most: int) -> list[Text]:
    """At most so many lines. The chain first: a small screen has no room for all."""
    lines = [*_chain(task, width), *_stack(task, width)]
    lines += _hanging(words.meaning(task), width, "yellow")
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], Text(f"{_INDENT}...", style="dim")]


def _chain(task: StuckTask, width: int) -> list[Text]:
    cycle = deadlock(task)
    first = _hanging(cycle, width, "bold red") if cycle else ()
    return [*first, *(part for line in chain_lines(task) for part in _hanging(line, width))]


def _stack(task: StuckTask, width: int) -> list[Text]:
    """Frames, two spaces between; the scheduler's own left out."""
    lines = [""]
    for name in map(safe, task.stack):
        if is_scheduler(function_of(name)):
            continue
        if len(lines[-1]) + len(name) + 2 > width - len(_INDENT):
            lines.append("")
        lines[-1] += ("  " if lines[-1] else "") + name
    return [Text(_INDENT + line, style="dim") for line in lines if line][:_BRIEF_STACK]


def _hanging(text: str, width: int, style: str = "") -> Iterable[Text]:
    """Set in, and what continues it a little further; a link of a chain is set in by itself."""
    own = text[: len(text) - len(text.lstrip())]
    for line in textwrap.wrap(
        text.strip(),
        max(20, width),
        initial_indent=_INDENT + own,
        subsequent_indent=_INDENT * 2 + own,
        break_on_hyphens=False,
    ):
        yield Text(line, style=style)

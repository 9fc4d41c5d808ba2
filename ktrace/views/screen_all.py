"""The body of a screen about several problems, one part beneath the other."""

from collections.abc import Iterable, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.problems import Problem


class AllBody:
    """The height goes to the problems that were found; the others have a line each. While none is
    found, all have the same height."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self._views = {problem.name: problem.view_module() for problem in problems}
        self._bodies = {name: view.body() for name, view in self._views.items()}

    def lines(self, analysis: Analysis, t: float, width: int, height: int) -> list[RenderableType]:
        found = [name for name in self._bodies if analysis.found[name]] or list(self._bodies)
        others = [name for name in self._bodies if name not in found]
        room = height - len(others)
        console = Console(width=width)
        shown: list[RenderableType] = []
        for number, name in enumerate(found):
            share = room // (len(found) - number) - 1  # a blank beneath
            part = _rendered(self._bodies[name].lines(analysis, t, width, share), console, share)
            shown += [*part, Text("")]
            room -= len(part) + 1
        for name in others:
            line = self._views[name].summary(analysis, brief=True)[0]
            shown.append(Text(line, style="dim", no_wrap=True, overflow="ellipsis"))
        return shown


class _Line:
    """A line that is rendered already."""

    def __init__(self, segments: Iterable[Segment]) -> None:
        self._segments = segments

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self._segments
        yield Segment.line()


def _rendered(parts: list[RenderableType], console: Console, height: int) -> list[_Line]:
    """At most so many lines, none of them blank at the end."""
    lines = console.render_lines(Group(*parts), pad=False)[: max(0, height)]
    while lines and not "".join(segment.text for segment in lines[-1]).strip():
        lines.pop()
    return [_Line(line) for line in lines]

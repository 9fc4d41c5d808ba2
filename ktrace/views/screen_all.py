"""The body of a screen about several problems, one part beneath the other."""

from collections.abc import Iterable, Sequence
from functools import partial

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.problems import Problem
from ktrace.views.problem_view import Body


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
        return [*shown, *map(partial(self._summary, analysis), others)]

    def in_focus(self, analysis: Analysis, number: int) -> Body:
        """0: all of them, or the only one that was found; the others one at a time, in turn."""
        found = [name for name in self._bodies if analysis.found[name]]
        if len(found) == 1:
            return self._bodies[found[0]]
        chosen = number % (len(found) + 1)
        return self._bodies[found[chosen - 1]] if chosen else self

    def others(self, analysis: Analysis, body: Body) -> list[Text]:
        """A line for each that is not body."""
        return [self._summary(analysis, name) for name, own in self._bodies.items() if own != body]

    def _summary(self, analysis: Analysis, name: str) -> Text:
        line = self._views[name].summary(analysis, brief=True)[0]
        return Text(line, style="dim", no_wrap=True, overflow="ellipsis")


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

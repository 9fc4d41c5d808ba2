"""The live screen's frame: header, rules, footer, and when to draw; a command fills its body."""

import sys

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.rule import Rule
from rich.segment import Segment
from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event
from ktrace.findings import End, Finding
from ktrace.views import words
from ktrace.views.problem_view import Body
from ktrace.views.safe_screen import SafeScreen
from ktrace.views.safe_text import safe
from ktrace.views.screen_header import header
from ktrace.views.summary import head_lines, summary_lines

_REFRESH_S = 1.0  # the ages count up in it; what happens is shown at once, but not faster than
_AT_MOST_EVERY_S = 0.2
_FRAME_LINES = 4  # header, footer, and a rule each


class ScreenView:
    """Draws only when something happened or a second has passed."""

    child_output = "kept"

    def __init__(self, body: Body, footer: str = "", console: Console | None = None) -> None:
        self._body = body
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

    def show(self, analysis: Analysis) -> None:
        """What render() draws from now on; start() does it too."""
        self._analysis = analysis

    def start(self, analysis: Analysis) -> None:
        self.show(analysis)
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
            self._console.print(Text(safe(line)))

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def render(self, t: float) -> RenderableType:
        """The whole screen at time t, as high as the terminal."""
        width, height = self._console.size
        room = max(1, height - _FRAME_LINES)
        parts = (
            header(self._analysis, t, width),
            Rule(style="dim"),
            _Exactly(room, self._body.lines(self._analysis, t, width, room)),
            Rule(style="dim"),
            self._foot(width),
        )
        return SafeScreen(Group(*parts))

    def _foot(self, width: int) -> Text:
        keys = "Ctrl-C: stop and summarise"
        note = safe(self._notes[-1]) if self._notes else self._footer
        left = f"{note} ({words.count(self._analysis.events, 'event')})" if note else ""
        room = max(0, width - len(keys) - 2)
        return Text(f"{left[:room]:<{room}}  {keys}", no_wrap=True, style="dim")


class _Exactly:
    """Renders parts into so many lines: cut, or filled up with empty ones."""

    def __init__(self, height: int, parts: list[RenderableType]) -> None:
        self._height = height
        self._parts = parts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(Group(*self._parts), options.update(height=None), pad=False)
        for line in lines[: self._height]:
            yield from line
            yield Segment.line()
        for _ in range(self._height - len(lines)):
            yield Segment.line()

"""The screen's last step: what rich has laid out leaves without anything that a terminal obeys."""

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment

from ktrace.views.safe_text import safe


class SafeScreen:
    """Renders a renderable; a line that escapes make too long is cut."""

    def __init__(self, inner: RenderableType) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._inner, options, pad=False, new_lines=False)
        for line in lines:
            shown = [Segment(safe(text), style) for text, style, control in line if not control]
            yield from Segment.adjust_line_length(shown, options.max_width, pad=False)
            yield Segment.line()

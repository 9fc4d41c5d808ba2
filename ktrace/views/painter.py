"""Draws on the whole terminal: of what it drew before only the lines that have changed."""

from rich.color import ColorSystem
from rich.console import Console, RenderableType
from rich.segment import Segment

_COLORS = {
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
    "windows": ColorSystem.WINDOWS,
}


class Painter:
    """begin() takes the terminal's alternate screen, end() gives back what was there before."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: list[str] = []
        self._size = console.size
        self._painting = False

    def begin(self) -> None:
        self._shown.clear()
        self._painting = True
        self._console.set_alt_screen(True)
        self._console.show_cursor(False)

    def end(self) -> None:
        if self._painting:
            self._painting = False
            self._console.set_alt_screen(False)
            self._console.show_cursor(True)

    def paint_first(self, line: RenderableType) -> bool:
        """The first line alone; False where all has to be drawn anew."""
        if not self._shown or self._console.size != self._size:
            return False
        (first,) = self._console.render_lines(line, pad=False)[:1]
        self._shown[0] = self._line(first)
        self._write(f"\x1b[H{self._shown[0]}\x1b[K")
        return True

    def paint(self, drawing: RenderableType) -> None:
        """Raises OSError where the terminal has gone away."""
        size = self._console.size
        lines = [self._line(line) for line in self._console.render_lines(drawing, pad=False)]
        lines = lines[: size.height]
        if size != self._size:
            self._shown.clear()
            self._size = size
        text = "" if self._shown else "\x1b[H\x1b[2J"
        for number, line in enumerate(lines):
            if number >= len(self._shown) or line != self._shown[number]:
                text += f"\x1b[{number + 1};1H{line}\x1b[K"
        if len(lines) < len(self._shown):
            text += f"\x1b[{len(lines) + 1};1H\x1b[J"
        self._shown = lines
        self._write(text)

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()

    def _line(self, segments: list[Segment]) -> str:
        colors = _COLORS.get(self._console.color_system or "")
        return "".join(
            style.render(text, color_system=colors) if style and text else text
            for text, style, control in segments
            if not control
        )

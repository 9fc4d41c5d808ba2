"""Text longer than the screen, by lines."""

from dataclasses import dataclass


@dataclass(slots=True)
class Pager:
    """What a move does to the first line that is shown; the same interface as Cursor."""

    top: int = 0
    height: int = 1
    count: int = 0  # lines

    def layout(self, count: int, height: int) -> None:
        """The text is like that now."""
        self.count, self.height = count, max(1, height)
        self.move(0)

    def move(self, by: int) -> None:
        """So many lines down, or up."""
        self.top = max(0, min(self.top + by, self.count - self.height))

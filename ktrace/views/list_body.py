"""What a body of the screen is that the user can work with: a headline, and lists that scroll."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import field, replace

from rich.console import Console, RenderableType
from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.record import record
from ktrace.views import words
from ktrace.views.screen_list import Line, Section, drawn, lines_of

_ALL, _BRIEFEST = 100, 4


@record
class Wishes:
    """How the user wants to see a list."""

    sort: str = "longest"
    filter: str = ""
    brief: int = 8  # lines of what is told of an entry that is not opened
    opened: frozenset[str] = field(default_factory=frozenset)  # keys of entries


class ListBody(ABC):
    """take() looks at the analysis; the rest is about what it saw, so that a display can pause."""

    @abstractmethod
    def take(self, analysis: Analysis) -> None:
        """Look at what there is now."""

    @abstractmethod
    def headline(self, t: float) -> Text:
        """What is wrong now, or that nothing is."""

    @abstractmethod
    def sections(self, t: float, width: int, wishes: Wishes) -> Sequence[Section]:
        """The list."""

    @abstractmethod
    def bottom(self, t: float, width: int, rows: int) -> list[Text]:
        """What stays beneath the list: at most so many lines."""

    @abstractmethod
    def ages(self) -> bool:
        """Does something in it change by time alone?"""

    def bottom_share(self, height: int, needed: int) -> int:
        """Lines for the bottom of so high a body, whose list needs so many."""
        return max(height // 4, height - needed - 1)

    def fitting(self, t: float, width: int, height: int, wishes: Wishes) -> list[Line]:
        """The list; of what nobody has opened only as much is told as leaves room for the rest."""
        for brief in (_ALL, height // 2, height // 3):
            chosen = replace(wishes, brief=max(_BRIEFEST, brief))
            lines = lines_of(self.sections(t, width, chosen))
            if len(lines) <= height * 3 // 4:
                break
        return lines

    def lines(self, analysis: Analysis, t: float, width: int, height: int) -> list[RenderableType]:
        """Without keys: the beginning of the list."""
        self.take(analysis)
        headline = list(self.headline(t).wrap(_console(width), width))[:2]
        room = height - len(headline) - 1
        lines = self.fitting(t, width, room, Wishes())
        bottom = self.bottom(t, width, self.bottom_share(room, len(lines)))
        room -= len(bottom) + bool(bottom)
        shown = drawn(lines[:room], width)
        if len(lines) > room > 0:
            more = words.count(len(lines) - room + 1, "more line")
            shown[-1] = Text(f"{more} not shown", style="dim")
        blank = [Text("")] if bottom else []
        return [*headline, *([Text("")] if shown else []), *shown, *blank, *bottom]


def _console(width: int) -> Console:
    return Console(width=width)

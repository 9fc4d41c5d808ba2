"""A document of one or more runs, made when all of them have been read."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from ktrace.events import BadPage, Event
from ktrace.findings import End, Finding
from ktrace.views.collecting import CollectingView

_PAGES_KEPT = 1000


class Format(Protocol):
    """A module of this package that has this function."""

    def lines(self, chapters: "list[Chapter]") -> Iterable[str]:
        """The whole document."""


class Chapter(CollectingView):
    """One run of the document."""

    def __init__(self, document: "Document", file: str) -> None:
        super().__init__(file)
        self._document = document
        self.result: End | None = None
        self.pages: list[BadPage] = []  # the first ones

    def event(self, event: Event | None, findings: list[Finding]) -> None:
        super().event(event, findings)
        if isinstance(event, BadPage) and len(self.pages) < _PAGES_KEPT:
            self.pages.append(event)

    def end(self, end: End) -> None:
        self.result = end
        self._document.chapters.append(self)


class Document:
    """Gives each run its chapter."""

    def __init__(self, made_by: Format) -> None:
        self.chapters: list[Chapter] = []
        self._made_by = made_by

    def chapter(self, file: str) -> Chapter:
        """The view of the next run."""
        return Chapter(self, file)

    def lines(self) -> Iterator[str]:
        yield from self._made_by.lines(self.chapters)

"""The report as one HTML file that works offline: light and dark, on paper, without a network."""

from collections.abc import Iterable

from ktrace.views.formats.document import Chapter
from ktrace.views.formats.html.page import page


def lines(chapters: list[Chapter]) -> Iterable[str]:
    return page(chapters).split("\n")

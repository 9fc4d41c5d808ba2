"""Lines of a report, short enough for a mail, or for the terminal that they are left on."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

WIDTH = 100
_NARROWEST = 40
_HANGING = "    "

_width = WIDTH


@contextmanager
def within(width: int) -> Iterator[None]:
    """Lines are no longer than that meanwhile, where it is less than WIDTH."""
    global _width
    _width = max(_NARROWEST, min(WIDTH, width))
    try:
        yield
    finally:
        _width = WIDTH


def too_wide(lines: Sequence[str]) -> bool:
    """For what within() says; WIDTH alone bounds no table."""
    return _width < WIDTH and any(len(line) > _width for line in lines)


def wrapped(text: str, first: str, others: str) -> list[str]:
    """Lines of at most WIDTH, or what within() says, the first and the others indented so; numbers
    stay with their units, and a longer word, as a path, is not cut."""
    whole = re.sub(r"(?<=\d) (?=[KM]iB|%)", "\N{NO-BREAK SPACE}", text)
    lines = textwrap.wrap(
        whole,
        _width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def fit(line: str) -> list[str]:
    """The line, continued a little further in."""
    indent = line[: len(line) - len(line.lstrip())]
    return wrapped(line.strip(), indent, indent + _HANGING)

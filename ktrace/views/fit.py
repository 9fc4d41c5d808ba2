"""Lines of a report, short enough for a mail."""

import re
import textwrap

WIDTH = 100
_HANGING = "    "


def wrapped(text: str, first: str, others: str) -> list[str]:
    """Lines of at most WIDTH, the first and the others indented so; numbers stay with their units,
    and a longer word, as a path, is not cut."""
    whole = re.sub(r"(?<=\d) (?=[KM]iB|%)", "\N{NO-BREAK SPACE}", text)
    lines = textwrap.wrap(
        whole,
        WIDTH,
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

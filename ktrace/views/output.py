"""Where text meets the terminal, a pipe or a document: the one place that makes it safe there.

Whatever a line holds (names, a log's words, a trace's fields, none of which can be trusted), it
leaves as one line without anything that a terminal could obey. The screen has rich for the same:
views/safe_screen.py.
"""

import sys
from collections.abc import Callable

from ktrace.views.safe_text import safe


def say(line: str = "", paint: Callable[[str], str] | None = None) -> None:
    """A line for stdout, there at once. paint may colour what is safe already. Raises OSError."""
    text = safe(line)
    sys.stdout.write(f"{paint(text) if paint else text}\n")
    sys.stdout.flush()


def complain(line: str) -> None:
    """A line for stderr."""
    sys.stderr.write(f"{safe(line)}\n")
    sys.stderr.flush()

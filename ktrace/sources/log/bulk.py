"""Many lines of a log at once, where all of them have the prefix that the log is known to have.

Line by line, a log that is full of reports is read at 10 MB/s: what one call does for many lines
costs little.
"""

import re
from dataclasses import dataclass

from ktrace.sources.log.heads import Head, Heads
from ktrace.sources.log.prefix import Prefix
from ktrace.sources.log.whole_trace import WholeTrace, parts_of

_CALLER = re.compile(r"\n\[ *[TC]\d+\]")
_BLANKS = "\r\v\f\x1c\x1d\x1e\x1f"  # that str.strip() strips, too


@dataclass(frozen=True, slots=True)
class Many:
    """Lines without their prefix, but for the last, which what follows may go on with."""

    whole: list[str]  # each with its prefix
    parts: list[str | WholeTrace]  # each string has lines
    marked: dict[int, Head | None]  # by the line's index: those that have a marker


def many(text: str, prefix: Prefix, heads: Heads) -> Many | None:
    """Of whole lines. None: not all have the prefix and nothing else that only a look at each line
    tells."""
    body = _without_prefix(text, prefix) if prefix.anywhere else None
    if not body:
        return None
    parts = [*parts_of(body[: body.rfind("\n", 0, -1) + 1])]
    whole = text.split("\n")
    marked: dict[int, Head | None] = {}
    # traces have no markers, but they count
    between = [part if isinstance(part, str) else "\n" * (part.length - 1) for part in parts]
    for index, markers in heads.marked_in("\n".join(between)).items():
        match = prefix.match(whole[index])
        if match is None:
            return None
        head = heads.find(whole[index], match.end(), markers)
        if head is not None and head.start != match.end():
            return None  # its prefix is another one
        marked[index] = head
    return Many(whole, parts, marked)


def _without_prefix(text: str, prefix: Prefix) -> str | None:
    """Whole lines, each with a line feed before it, too."""
    if not text.isascii() or any(blank in text for blank in _BLANKS):
        return None
    body, lines = prefix.everywhere("\n", f"\n{text}")
    if lines != text.count("\n") or not text.endswith("\n") or _CALLER.search(body):
        return None
    while " \n" in body:
        body = body.replace(" \n", "\n")
    return body

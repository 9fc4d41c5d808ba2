"""Many lines of a log at once, where all of them have the prefix that the log is known to have.

Line by line, a log that is full of reports is read at 10 MB/s: what one call does for many lines
costs little.
"""

import re
from collections.abc import Iterator

from ktrace.record import record
from ktrace.sources.log.heads import Head, Heads
from ktrace.sources.log.prefix import Prefix
from ktrace.sources.log.whole import Whole, with_wholes
from ktrace.sources.log.whole_memory import WholeMemory

_CALLER = re.compile(r"\n\[ *[TC]\d+\]")
_BLANKS = "\r\v\f\x1c\x1d\x1e\x1f"  # that str.strip() strips, too

Part = list[str] | Whole


@record
class Many:
    """Lines without their prefix, but for the last, which what follows may go on with."""

    whole: list[str]  # each with its prefix
    parts: list[Part]
    marked: dict[int, Head | None]  # by the line's index: those that have a marker


def many(text: str, prefix: Prefix, heads: Heads) -> Many | None:
    """Of whole lines. None: not all have the prefix and nothing else that only a look at each line
    tells."""
    body = _without_prefix(text, prefix) if prefix.anywhere else None
    if not body:
        return None
    parts: list[Part] = []
    lines: list[tuple[int, str]] = []  # which may have a marker
    inside: set[int] = set()  # lines of what is whole, among them
    number = 0
    for part in _parts(body[: body.rfind("\n", 0, -1) + 1], heads):
        parts.append(part)
        if isinstance(part, list):
            lines += enumerate(part, number)
            number += len(part)
            continue
        if isinstance(part, WholeMemory):
            lines += enumerate(part.lines, number)
            inside.update(range(number, number + part.length))
        number += part.length
    marked: dict[int, Head | None] = {}
    whole = text.split("\n")
    for index, markers in heads.marked_lines(lines).items():
        match = prefix.match(whole[index])
        if match is None:
            return None
        head = heads.find(whole[index], match.end(), markers)
        if head is not None and (head.start != match.end() or index in inside):
            return None  # its prefix is another one, or it parts what is whole
        if head is None:
            heads.is_none(whole[index][match.end() :].strip())
        marked[index] = head
    return Many(whole, parts, marked)


def _parts(body: str, heads: Heads) -> Iterator[Part]:
    """What has a marker in its free text has to be looked at line by line."""
    for part in with_wholes(body):
        if isinstance(part, str):
            yield part.split("\n")[:-1]
        elif any(map(heads.marked, part.free_text)):
            yield part.lines
        else:
            yield part


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

"""The state of memory in a report of the OOM killer, read in one piece: show_mem()."""

import re
from collections.abc import Iterator

from ktrace.record import record

_FIRST = "Mem-Info:\n"
_LAST = re.compile(r"\nTotal swap\s*= [0-9]{1,15}kB\n")
# Lines of the report that are about something else begin with one of these
_OTHER = re.compile(r"\n(?!Total swap)(?:[oOMKT]|[sS][yY])")


@record
class WholeMemory:
    """From "Mem-Info:" to "Total swap"; no line is one that tells who was killed, or why."""

    text: str

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")[:-1]

    @property
    def length(self) -> int:
        """Lines."""
        return self.text.count("\n")

    @property
    def free_text(self) -> tuple[str, ...]:
        """What may be anything, beside the lines: nothing."""
        return ()


def with_memory(text: str) -> Iterator[str | WholeMemory]:
    """Of lines, each with its end: those between states of memory, and these, in order."""
    at = search = 0
    while (first := text.find(_FIRST, search)) >= 0:
        search = first + 1
        last = _LAST.search(text, first)
        if last is None:
            break
        found = text[first : last.end()]
        if (first and text[first - 1] != "\n") or _OTHER.search(found):
            continue
        if first > at:
            yield text[at:first]
        yield WholeMemory(found)
        at = search = last.end()
    if at < len(text):
        yield text[at:]

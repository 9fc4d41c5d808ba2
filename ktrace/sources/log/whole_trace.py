"""Call traces of which every line is one that it must have: they are read in one piece.

They have most of the lines of a log that is full of reports, and repeat.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from ktrace.record import record
from ktrace.sources.log.frames import frame_of

_TRACE = "Call Trace:\n"
# Lines of which nothing but a call trace has a use: no pattern of any report finds a thing in them
_FRAME = r"(?:\? )?[A-Za-z_][\w.]*\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[[\w-]+\])?\n"
_BRACKET = r"<(?:TASK|/?IRQ|/?NMI|/?EOE|/?SOFTIRQ)>\n"
# __show_regs() of arch/x86/kernel/process_64.c: those of user mode
REGISTERS = re.compile(
    r"(?:RIP: 0033:0x[0-9a-f]{1,16}\n|R[A-Z0-9]{2}: (?:002b:)?[0-9a-f]{16}"
    r"(?: (?:R[A-Z0-9]{2}|EFLAGS|ORIG_RAX): [0-9a-f]{8,16})*\n)*"
)
_WHOLE = re.compile(
    rf"(?P<frames>{_TRACE}(?:{_BRACKET}|{_FRAME})*){REGISTERS.pattern}(?P<end></TASK>\n)?"
)


@record
class Frames:
    """Names of frames, innermost first. doubtful: the unwinder marks them "?"."""

    reliable: tuple[str, ...]
    doubtful: tuple[str, ...]


@record
class WholeTrace:
    """A call trace of which every line is one that it must have, from "Call Trace:" on."""

    text: str
    frames: Frames
    ended: bool  # with "</TASK>"

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")[:-1]

    @property
    def free_text(self) -> tuple[str, ...]:
        """What may be anything: nothing. A symbol may have a marker's letters in it, but no first
        line of a report looks like a frame."""
        return ()

    @property
    def length(self) -> int:
        """Lines."""
        return self.text.count("\n")


def with_traces(body: str) -> Iterator[str | WholeTrace]:
    """Of lines, with a line feed before the first and after the last: those between call traces
    (one string), and call traces."""
    at = 1
    search = 0
    while (found := body.find(f"\n{_TRACE}", search)) >= 0:
        whole = _WHOLE.match(body, found + 1)
        if whole is None:
            search = found + 1
            continue
        if found >= at:
            yield body[at : found + 1]
        yield WholeTrace(whole[0], _frames(whole["frames"]), whole["end"] is not None)
        at = whole.end()
        search = at - 1
    if at < len(body):
        yield body[at:]


@lru_cache(maxsize=1 << 10)
def _frames(text: str) -> Frames:
    """Call traces repeat, so each is read once."""
    frames = [frame for line in text.split("\n") if (frame := frame_of(line))]
    return Frames(
        tuple(frame.name for frame in frames if not frame.doubtful),
        tuple(frame.name for frame in frames if frame.doubtful),
    )

"""A call trace that is no known report's: without it such a log would be clean.

Its first line has been cut off, or is of a kind that nobody knows. Call traces that follow a report
at once are what the kernel prints to it (the other CPUs' stacks, who allocated the memory).
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from ktrace.events import Alarm, Event
from ktrace.kernel.wait_functions import function_of
from ktrace.sources.log.alarms.alarm import AlarmReport, Spec
from ktrace.sources.log.frames import WHERE, begins, frame_of
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine

NEAR = 100  # lines after a report, or after another call trace that is its
_ANY = re.compile(r"")
_FRAMES_MIN = 2  # one is what other lines may have, too
_SPEC = Spec("call-trace", "call trace in {function}")


class CallTrace(AlarmReport):
    """From the line that says whose it is, or the first of the trace, on."""

    def __init__(self, line: LogLine, head: re.Match[str]) -> None:
        super().__init__(_SPEC, line, head)
        self.take(line)

    @property
    def untold(self) -> bool:
        """Where the kernel was, and no more."""
        return bool(self._function) and not self._trace.stack

    def event(self, boot: str) -> Alarm:
        """As syzkaller names it, where bad_page() is in it."""
        event = super().event(boot)
        if "bad_page" not in {function_of(frame).partition(".")[0] for frame in event.stack}:
            return event
        return replace(event, title=f"BUG: Bad page state{event.title.removeprefix('call trace')}")

    def events(self, boot: str) -> Iterator[Event]:
        """Nothing, unless there is a stack."""
        if len(self._trace.stack) >= _FRAMES_MIN:
            yield self.event(boot)


KIND = Kind("call-trace", (b"+0x",), _ANY, CallTrace)


def head(text: str) -> tuple[Kind, re.Match[str]] | None:
    """For a line, without its prefix, by which a call trace begins; to be asked only where no
    report is open that it could be of."""
    if not ("+0x" in text or "omm: " in text or text.endswith("race:")):
        return None
    if not (begins(text) or "omm: " in text or frame_of(text) or WHERE.match(text)):
        return None
    match = _ANY.match(text)
    return (KIND, match) if match else None

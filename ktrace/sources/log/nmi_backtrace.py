"""What runs on the other CPUs, which khungtaskd asks for by NMI: nmi_cpu_backtrace() of
lib/nmi_backtrace.c. The back traces that belong to a lockup or a stall are in its own report."""

import re
from collections.abc import Iterator

from ktrace.events import Event, TaskDump
from ktrace.sources.log.frames import function_at
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.report import Report, Trace, seconds

NEAR = 300  # lines after a hung task's report, or its locks'
_HEAD = re.compile(r"NMI backtrace for cpu (?P<cpu>\d{1,5})(?P<idle> skipped: idling at .*)?\s*$")


class NmiBacktrace(Report):
    """From the first line to the end of the call trace."""

    lines_max = 80
    foreign_max = 20

    def __init__(self, line: LogLine, head: re.Match[str]) -> None:
        super().__init__(line, Trace(comm=None))
        self._at = ""
        self.finished = bool(head["idle"])

    def take(self, line: LogLine) -> bool:
        if not self._at and (at := function_at(line.text)):
            self._at = at
            return True
        taken = self._trace.take(line)
        self.finished = self._trace.ended
        return taken

    def events(self, boot: str) -> Iterator[Event]:
        """Nothing of an idle CPU."""
        task, stack = self._trace.task, self._trace.stack
        if task is None or not task.pid or not (self._at or stack):
            return
        yield TaskDump(
            t=seconds(self._line),
            boot=boot,
            kernel=self.kernel,
            task=task,
            state="R",
            stack=(self._at, *stack) if self._at else stack,
            unreliable=self._trace.unreliable,
            lines=self.lines,
        )


KIND = Kind("nmi-backtrace", (b"NMI backtrace for",), _HEAD, NmiBacktrace)

"""The report of khungtaskd (kernel/hung_task.c) in a kernel log."""

import re

from ktrace.events import HungReport, Task
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.report import Report, Trace, seconds

HEAD = re.compile(
    r"INFO: task (?P<comm>.{0,80}):(?P<pid>\d{1,10}) blocked (?:in I/O wait )?for more than "
    r"(?P<seconds>\d{1,9}) seconds"
)
_KERNEL = re.compile(
    r"\s+(?:Not tainted|Tainted:[\sA-Z-]{1,60}?)\s+"
    r"(?P<release>\d+\.\d\S*)(?:\s+(?P<build>#\d+\S*))?"
)
_LAST = re.compile(r'"echo 0 > /proc/sys/kernel/hung_task_timeout_secs"')


class HungTaskReport(Report):
    """From "blocked for more than" to the end of the call trace."""

    def __init__(self, line: LogLine, head: re.Match[str]) -> None:
        pid = int(head["pid"])
        self._task = Task(pid, pid, head["comm"])
        self._blocked_s = int(head["seconds"])
        super().__init__(line, Trace(task=self._task))

    def take(self, line: LogLine) -> bool:
        if not self._trace.release and (match := _KERNEL.match(line.text)):
            self._trace.release = match["release"]
            self._trace.build = match["build"] or ""
            return True
        if _LAST.search(line.text):
            return True
        taken = self._trace.take(line)
        self.finished = self._trace.ended
        return taken

    def event(self, boot: str) -> HungReport:
        return HungReport(
            t=seconds(self._line),
            boot=boot,
            kernel=self.kernel,
            task=self._task,
            blocked_s=self._blocked_s,
            stack=self._trace.stack,
        )

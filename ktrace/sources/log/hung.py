"""The reports of khungtaskd (kernel/hung_task.c) in a kernel log.

"blocked for more than 120 seconds" in v2.6.30, "blocked in I/O wait for more
than" since v6.18, "can't die for more than" in linux-next of 2018. Who holds what it waits for is
told since v6.15 (3cf67d61ff98 "hung_task: show the blocker task if the task is hung on mutex"), of
rw-semaphores later: "task cat:28631 <reader> blocked on an rw-semaphore likely owned by task
cat:28630 <writer>".
"""

import re

from ktrace.events import HungReport, Task
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.report import Report, Trace, seconds
from ktrace.sources.log.task_dump import dumped_task
from ktrace.sources.log.whole import Whole

_HEAD = re.compile(
    r"INFO: task (?P<comm>.{0,80}):(?P<pid>\d{1,10}) "
    r"(?P<how>blocked(?: in I/O wait)?|can't die) for more than (?P<seconds>\d{1,9}) seconds"
)
_HOW = {"blocked": "blocked", "blocked in I/O wait": "io_wait", "can't die": "cannot_die"}
_KERNEL = re.compile(
    r"\s*(?:Not tainted|Tainted:[\sA-Z-]{1,60}?)\s+"
    r"(?P<release>\d+\.\d\S*)(?:\s+(?P<build>#\d+\S*))?"
)
_LAST = re.compile(r'"echo 0 > /proc/sys/kernel/hung_task_timeout_secs"')
_OWNER = re.compile(
    r"INFO: task .{0,80}:(?P<blocked>\d{1,10})(?: <\w+>)? (?:is )?blocked on an? "
    r"(?P<lock>[\w-]+),? (?:but the (?:owner|last holder) is not found"
    r"|likely (?:last )?(?:owned|held) by task (?P<comm>.{0,80}):(?P<pid>\d{1,10}))"
)


class HungTaskReport(Report):
    """From "blocked for more than" to the end of the call trace, and of that of the lock's owner,
    where the kernel knows it."""

    def __init__(self, line: LogLine, head: re.Match[str]) -> None:
        pid = int(head["pid"])
        self._task = Task(pid, pid, head["comm"])
        self._blocked_s = int(head["seconds"])
        self._how = _HOW[head["how"]]
        self._lock = ""
        self._owner: Task | None = None
        self._owner_trace: Trace | None = None
        super().__init__(line, Trace(task=self._task))

    def take(self, line: LogLine) -> bool:
        text = line.text
        if not self._trace.release and (match := _KERNEL.match(text)):
            self._trace.release = match["release"]
            self._trace.build = match["build"] or ""
            return True
        if _LAST.search(text):
            return True
        if self._take_owner(text):
            return True
        if dumped := dumped_task(text):
            return self._take_dump(dumped[0])
        trace = self._owner_trace or self._trace
        trace.near = self.last
        taken = trace.take(line)
        self.finished = not taken and trace.ended and (not self._owner or bool(self._owner_trace))
        return taken

    def take_whole(self, whole: Whole, number: int) -> bool:
        trace = self._owner_trace or self._trace
        trace.near = self.last
        return trace.take_whole(whole, number)

    def _take_owner(self, text: str) -> bool:
        match = _OWNER.match(text)
        if match is None or int(match["blocked"]) != self._task.pid:
            return False
        self._lock = match["lock"]
        if match["pid"]:
            pid = int(match["pid"])
            self._owner = Task(pid, pid, match["comm"])
        self._trace.ended = True
        return True

    def _take_dump(self, task: Task) -> bool:
        if self._owner and task.pid == self._owner.pid and self._owner_trace is None:
            self._owner_trace = Trace(task=task)
            return True
        if task.pid == self._task.pid and not self._trace.stack:
            return True
        self.finished = True  # a dump of all tasks, perhaps
        return False

    def event(self, boot: str) -> HungReport:
        return HungReport(
            t=seconds(self._line),
            boot=boot,
            kernel=self.kernel,
            task=self._task,
            blocked_s=self._blocked_s,
            stack=self._trace.stack,
            how=self._how,
            lock=self._lock,
            owner=self._owner,
            owner_stack=self._owner_trace.stack if self._owner_trace else (),
            unreliable=self._trace.unreliable,
            lines=self.lines,
        )


# Since v5.19 (or a distribution's older one) khungtaskd says that it will say no more
SUPPRESSED = Kind(
    "hung-suppressed",
    (b"hung task reports",),
    re.compile(r"Future hung task reports are suppressed"),
    None,
)
KINDS = (Kind("hung", (b"INFO: ",), _HEAD, HungTaskReport, alone=True), SUPPRESSED)

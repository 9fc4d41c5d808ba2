"""The tasks that SysRq-w (blocked ones) and SysRq-t (all) show: show_state_filter() of
kernel/sched/core.c. Those that sleep uninterruptibly are kept, of the others their number."""

import re
from collections.abc import Iterable

from ktrace.events import Event, TaskDump
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.report import Report, Trace, seconds
from ktrace.sources.log.task_dump import dumped_task

_HEAD = re.compile(r"(?i)(?:sysrq ?: )(?:Show Blocked State|Show State)\s*$")
_TABLE = re.compile(r"\s*task\s+PC stack\s+pid father")
_LAST = re.compile(r"Sched Debug Version|Showing (?:all locks held|busy workqueues)|Workqueue: ")
_KEPT = 2_000
_LINES_MAX = 1_000_000


class TaskList(Report):
    """From the SysRq to the first line that no dump of a task has."""

    lines_max = _LINES_MAX
    foreign_max = 60

    def __init__(self, line: LogLine, head: re.Match[str]) -> None:
        super().__init__(line, Trace())
        self._dumps: list[tuple[Trace, str, int, int]] = []  # with state, first and last line
        self._now: Trace | None = None

    def take(self, line: LogLine) -> bool:
        if dumped := dumped_task(line.text):
            task, state = dumped
            self._now = Trace(task=task, near=line.last)
            if state == "D" and len(self._dumps) < _KEPT:
                self._dumps.append((self._now, state, line.number, line.last))
            return True
        if self._now is not None and self._now.take(line):
            if self._dumps and self._dumps[-1][0] is self._now:
                self._dumps[-1] = (*self._dumps[-1][:3], line.last)
            return True
        return _TABLE.match(line.text) is not None

    def events(self, boot: str) -> Iterable[Event]:
        for trace, state, first, last in self._dumps:
            assert trace.task
            yield TaskDump(
                t=seconds(self._line),
                boot=boot,
                kernel=self.kernel,
                task=trace.task,
                state=state,
                stack=trace.stack,
                unreliable=trace.unreliable,
                lines=(first, last),
            )


KIND = Kind(
    "tasks",
    (b"sysrq: ", b"SysRq : "),
    _HEAD,
    TaskList,
    alone=True,
)

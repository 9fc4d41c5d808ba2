"""The locks that tasks hold, which lockdep prints beside other reports: debug_show_all_locks(),
lockdep_print_held_locks() and print_lock() of kernel/locking/lockdep.c.

"3 locks held by kworker/0:1/12:", " #2: ffffffff8e4a2328 (rtnl_mutex){+.+.}-{3:3}, at:
linkwatch_event+0xf/0x60"; before v4.16 without the address, and with one behind "at:". Of a task
that runs, v5.5 and later print how many it holds, and not which.
"""

import re
from collections.abc import Iterator

from ktrace.events import Event, HeldLock, HeldLocks, Task, TaskLocks
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.report import Report, Trace, seconds

_ALL = r"Showing all locks held in the system:"
_TASK = r"(?:\d{1,3} locks? held by|no locks held by) (?P<comm>.{1,80})/(?P<pid>\d{1,10})[:.]"
_HEAD = re.compile(rf"(?:{_ALL}|{_TASK})\s*$")
_TASK_LINE = re.compile(rf"{_TASK}\s*$")
_LOCK = re.compile(
    r"#\d{1,2}: +(?:(?P<object>[0-9a-f]{8,16}) )?\((?P<name>.{1,160})\)\{[^{}]{0,20}\}"
    r"(?:-\{[^{}]{0,20}\})?,? at: (?:\[<[0-9a-f]+>\] )?(?P<at>\S{1,200})"
)
_LAST = re.compile(r"={20,}$")
_TASKS_MAX, _LOCKS_MAX = 4_000, 48  # MAX_LOCK_DEPTH of include/linux/sched.h


class HeldLocksReport(Report):
    """From "Showing all locks held", or the first task, to the line of "="."""

    lines_max = 200_000
    foreign_max = 10

    def __init__(self, line: LogLine, head: re.Match[str]) -> None:
        super().__init__(line, Trace(comm=None))
        self._trace.ended = True
        self._tasks: list[tuple[Task, list[HeldLock]]] = []
        self._take_task(line.text)

    def take(self, line: LogLine) -> bool:
        text = line.text
        if match := _LOCK.match(text):
            if self._tasks and len(self._tasks[-1][1]) < _LOCKS_MAX:
                lock = HeldLock(match["name"], match["object"] or "", match["at"])
                self._tasks[-1][1].append(lock)
            return True
        if _LAST.match(text):
            self.finished = True
            return True
        return text == "" or self._take_task(text)

    def _take_task(self, text: str) -> bool:
        match = _TASK_LINE.match(text)
        if match and len(self._tasks) < _TASKS_MAX:
            pid = int(match["pid"])
            self._tasks.append((Task(pid, pid, match["comm"]), []))
        return match is not None

    def events(self, boot: str) -> Iterator[Event]:
        tasks = tuple(TaskLocks(task, tuple(locks)) for task, locks in self._tasks if locks)
        if tasks:
            yield HeldLocks(
                t=seconds(self._line),
                boot=boot,
                kernel="",
                tasks=tasks,
                lines=self.lines,
            )


KIND = Kind(
    "held-locks",
    (b" held by ", b"locks held in the system"),
    _HEAD,
    HeldLocksReport,
    inside=("held-locks",),
)

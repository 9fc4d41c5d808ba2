"""What all reports of a kernel log have in common: who, on which kernel, the call trace."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from ktrace.events import Event, Stack, Task
from ktrace.sources.log.line import LogLine

# "CPU: 0 UID: 0 PID: 602 Comm: kworker/u9:0 Tainted: G    B   5.18.0-rc1+ #1",
# "Pid: 19211, comm: tar Not tainted 2.6.31-rc5 #1"
_WHO = re.compile(
    r"(?:CPU:\s*\d+\s+(?:UID:\s*\d+\s+)?PID:\s*(?P<pid>\d{1,10})\s+Comm:\s(?P<comm>.*?)"
    r"|Pid:\s*(?P<old_pid>\d{1,10}),\scomm:\s(?P<old_comm>.*?))\s+"
    r"(?:Kdump:\sloaded\s+)?(?:Not\stainted|Tainted:[\sA-Z-]{1,60}?)\s+"
    r"(?P<release>\d+\.\d\S*)(?:\s+(?P<build>\#\d+\S*))?"
)
_TRACE = re.compile(r"\s*call trace:\s*$", re.IGNORECASE)
# " [<ffffffff811cf435>] ? bad_page+0x115/0x1a0 mm/page_alloc.c:409", " [] bad_page+0xcf/0x150",
# arm: "[<c00ec4f0>] (bad_page) from [<c00efc64>] (get_page_from_freelist+0x714/0x9a8)"
_FRAME = re.compile(
    r"\s*(?:\[<?[0-9a-f]*>?\]\s+)?(?P<doubt>\?\s)?(?P<name>[A-Za-z_][\w.]*\+0x[0-9a-f]+)/0x[0-9a-f]+"
    r"(?:\s(?P<module>\[[\w-]+\]))?"
)
_ARM_FRAME = re.compile(
    r"\s*\[<[0-9a-f]+>\]\s\([^()]*\)\sfrom\s\[<[0-9a-f]+>\]\s"
    r"\((?P<name>[A-Za-z_][\w.]*\+0x[0-9a-f]+)/0x[0-9a-f]+\s?(?P<module>\[[\w-]+\])?\)"
)
_IN_TRACE = re.compile(r"\s*(?:</?(?:TASK|IRQ|NMI|EOE|SOFTIRQ|#\w+)>|\[<\s+inlined)")
_FOREIGN_MAX = 8  # lines of others between frames
LINES_MAX = 250  # of a report; one with two page_owner stacks is the longest seen
FOREIGN_MAX = 40  # lines of others in a row, after which the rest of a report will not come


@dataclass(slots=True)
class Trace:
    """The call trace and the line that says who. The line comes first, and who is known by name
    from the report's first line: so a report that was cut off does not take the trace of another.
    """

    comm: str = ""
    task: Task | None = None
    release: str = ""
    build: str = ""
    frames: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    begun: bool = False
    ended: bool = False
    _lines: int = 0
    _foreign: int = 0  # lines of others in a row, after frames

    @property
    def kernel(self) -> str:
        """ "2.6.31-rc5 #1"."""
        return f"{self.release} {self.build}".strip()

    @property
    def stack(self) -> Stack:
        """Innermost first, without what the unwinder marks "?" unless there is nothing else."""
        return tuple(self.frames or self.doubtful)

    def take(self, line: LogLine) -> bool:
        if self.task is None:
            return self._who(line.text)
        if self.ended:
            return False
        if _TRACE.match(line.text):
            self.ended = bool(self._lines)  # somebody else's
            self.begun = True
            return not self.ended
        if self._frame(line.text):
            self._foreign = 0
            return True
        self._foreign += bool(self._lines)
        self.ended = self._foreign > _FOREIGN_MAX
        return False

    def _who(self, text: str) -> bool:
        match = _WHO.search(text)
        if match is None:
            return False
        comm = match["comm"] if match["pid"] else match["old_comm"]
        if comm.strip() != self.comm.strip():
            return False
        pid = int(match["pid"] or match["old_pid"])
        # the pid of the log is the thread's; of its group it says nothing
        self.task = Task(pid, pid, comm)
        self.release = match["release"]
        self.build = match["build"] or ""
        return True

    def _frame(self, text: str) -> bool:
        match = _FRAME.match(text) if self.begun else _ARM_FRAME.match(text)
        if match is None and self.begun and not self._lines:
            match = _ARM_FRAME.match(text)
        if match is None:
            return self.begun and bool(_IN_TRACE.match(text))
        self._lines += 1
        parts = match.groupdict()
        name = " ".join(filter(None, (parts["name"], parts.get("module"))))
        (self.doubtful if parts.get("doubt") else self.frames).append(name)
        return True


class Report(ABC):
    """A report that is being read, line by line."""

    lines_max = LINES_MAX
    foreign_max = FOREIGN_MAX

    def __init__(self, line: LogLine, trace: Trace) -> None:
        """line: its first."""
        self.finished = False
        self.caller = line.caller
        self._line = line
        self._trace = trace

    @property
    def kernel(self) -> str:
        return self._trace.kernel

    @property
    def t(self) -> float | None:
        return self._line.t

    @abstractmethod
    def take(self, line: LogLine) -> bool:
        """Whether the line was the report's."""

    @abstractmethod
    def event(self, boot: str) -> Event:
        """What it says."""


def seconds(line: LogLine) -> float:
    """The event's t: 0.0 where the log has no time stamps."""
    return line.t if line.t is not None else 0.0

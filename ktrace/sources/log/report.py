"""What all reports of a kernel log have in common: who, on which kernel, the call trace."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field

from ktrace.events import Event, Stack, Task
from ktrace.sources.log.frames import begins, beside, frame_of
from ktrace.sources.log.line import LogLine, seconds
from ktrace.sources.log.whole import Whole
from ktrace.sources.log.whole_trace import WholeTrace

__all__ = ["FOREIGN_MAX", "LINES_MAX", "Report", "Trace", "seconds"]

# "CPU: 0 UID: 0 PID: 602 Comm: kworker/u9:0 Tainted: G    B   5.18.0-rc1+ #1",
# "Pid: 19211, comm: tar Not tainted 2.6.31-rc5 #1"
_WHO = re.compile(
    r"(?:CPU:\s*\d+\s+(?:UID:\s*\d+\s+)?PID:\s*(?P<pid>\d{1,10})\s+Comm:\s(?P<comm>.*?)"
    r"|Pid:\s*(?P<old_pid>\d{1,10}),\scomm:\s(?P<old_comm>.*?))\s+"
    r"(?:Kdump:\sloaded\s+)?(?:Not\stainted|Tainted:[\sA-Z-]{1,60}?)\s+"
    r"(?P<release>\d+\.\d\S*)(?:\s+(?P<build>\#\d+\S*))?"
)
_END = re.compile(r"---\[ end (?:trace|Kernel panic)")
_FOREIGN_MAX = 8  # lines of others between frames
_NEAR = 4  # lines from a report's own to a trace that does not say whose it is
LINES_MAX = 250  # of a report; one with two page_owner stacks is the longest seen
FOREIGN_MAX = 40  # lines of others in a row, after which the rest of a report will not come


@dataclass(slots=True)
class Trace:
    """The call trace and the line that says who. The line comes first, and who is known by name
    from the report's first line: so a report that was cut off does not take the trace of another.
    Where there is no such line, the trace follows the report's own lines at once.
    """

    comm: str | None = ""  # None: whoever the line names
    task: Task | None = None
    release: str = ""
    build: str = ""
    frames: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    begun: bool = False
    ended: bool = False
    near: int = 0  # number of the report's last line
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

    @property
    def unreliable(self) -> bool:
        """Nothing but what the unwinder marks "?": it found the addresses on the stack."""
        return bool(self.doubtful) and not self.frames

    def take(self, line: LogLine) -> bool:
        text = line.text
        if self.task is None and self._who(text):
            self._forget()
            return True
        if self.ended:
            return False
        if self.task is None and not self.begun and not self._is_near(line):
            return False  # nobody says whose trace it is
        if begins(text):
            self.ended = bool(self._lines)  # somebody else's
            self.begun = True
            return not self.ended
        frame = frame_of(text) if self.begun or self._is_near(line) else None
        if frame is not None:
            self._lines += 1
            self._foreign = 0
            (self.doubtful if frame.doubtful else self.frames).append(frame.name)
            return True
        if (self.begun or self._lines) and beside(text):
            self.ended = text == "</TASK>"  # which is the last: those of interrupts come before
            return True
        if self._lines:
            self._foreign += 1
            self.ended = self._foreign > _FOREIGN_MAX or _END.match(text) is not None
        return False

    def take_whole(self, trace: Whole, number: int) -> bool:
        """What take() would make of its lines, of which the first has that number. False: it would
        not take all of them, and has to be asked for each."""
        if not isinstance(trace, WholeTrace) or self.ended or self._lines:
            return False
        if self.task is None and not self.begun and number - self.near > _NEAR:
            return False
        self.begun = True
        self.frames += trace.frames.reliable
        self.doubtful += trace.frames.doubtful
        self._lines = len(trace.frames.reliable) + len(trace.frames.doubtful)
        self.ended = trace.ended
        return True

    def _forget(self) -> None:
        """Frames that stood before the line that says whose trace comes."""
        self.frames, self.doubtful = [], []
        self._lines = self._foreign = 0
        self.begun = self.ended = False

    def _is_near(self, line: LogLine) -> bool:
        return bool(self._lines) or line.number - self.near <= _NEAR * line.spread

    def _who(self, text: str) -> bool:
        if "omm: " not in text:
            return False
        match = _WHO.search(text)
        if match is None:
            return False
        comm = match["comm"] if match["pid"] else match["old_comm"]
        if self.comm is not None and not f" {self.comm.strip()}".endswith(f" {comm.strip()}"):
            return False  # where the first line's prefix is not known, comm has some of it
        pid = int(match["pid"] or match["old_pid"])
        # the pid of the log is the thread's; of its group it says nothing
        self.task = Task(pid, pid, comm)
        self.release = match["release"]
        self.build = match["build"] or ""
        return True


class Report(ABC):
    """A report that is being read, line by line."""

    lines_max = LINES_MAX
    foreign_max = FOREIGN_MAX
    seconds_max = float("inf")  # from its first line to its last
    yields_after = float("inf")  # seconds from its first line to that of another, which ends it

    def __init__(self, line: LogLine, trace: Trace) -> None:
        """line: its first."""
        self.finished = False
        self.caller = line.caller
        self.last = line.last  # number of its last line so far
        self._line = line
        self._trace = trace
        trace.near = line.last

    @property
    def kernel(self) -> str:
        return self._trace.kernel

    @property
    def t(self) -> float | None:
        return self._line.t

    @property
    def first(self) -> LogLine:
        return self._line

    @property
    def first_text(self) -> str:
        return self._line.text

    @property
    def lines(self) -> tuple[int, int]:
        """Numbers of its first and last line."""
        return (self._line.number, self.last)

    @property
    def complete(self) -> bool:
        """It has all that it needs, though more may come."""
        return False

    @property
    def over(self) -> bool:
        """Nothing that another report may begin with is one of its lines."""
        return False

    @property
    def mentioned(self) -> bool:
        """There is nothing but the first line, which says too little to be a report."""
        return False

    @property
    def bodiless(self) -> bool:
        """There is nothing but the first line, and all reports of the kind have more."""
        return False

    @property
    def untold(self) -> bool:
        """It may be the rest of a report: what is there does not tell whether anything is wrong."""
        return False

    def announces(self, other: "Report") -> bool:
        """It has nothing but a line that says that the other one comes, which begins now."""
        return False

    def grew(self, line: LogLine) -> None:
        """The line was the report's."""
        self.last = self._trace.near = line.last

    @abstractmethod
    def take(self, line: LogLine) -> bool:
        """Whether the line was the report's."""

    def take_whole(self, whole: Whole, number: int) -> bool:
        """All lines of what is whole, of which the first has that number: take() would
        take them all. False: the report has to be asked for each."""
        return False

    def events(self, boot: str) -> Iterable[Event]:
        """What it says."""
        return [self.event(boot)]

    def event(self, boot: str) -> Event:
        """The one thing that most reports say."""
        raise NotImplementedError

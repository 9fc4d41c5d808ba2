"""What only a kernel log tells: hung tasks, and alarms of every other kind."""

from typing import ClassVar

from ktrace.events import Stack
from ktrace.findings.finding import Finding
from ktrace.findings.signature import signature
from ktrace.findings.tasks import Blocker, Wait, wait_signature
from ktrace.record import record


@record(kw_only=True)
class HungTask(Finding):
    """A task that khungtaskd has reported. It stops after kernel.hung_task_warnings reports, ten
    by default, so that the number of hung tasks in a log is a lower bound. t: of the newest."""

    finding: ClassVar[str] = "hung-task"
    sums_up: ClassVar[bool] = True
    boot: str
    kernel: str
    pid: int  # the thread's: the log does not say of which group it is
    tid: int
    comm: str
    seconds: int | None  # the longest that was reported
    how: str  # blocked, io_wait, cannot_die
    reports: int
    first_t: float
    wait: Wait | None
    stack: Stack
    unreliable: bool  # all of the stack is marked "?"
    blocked_by: tuple[Blocker, ...]  # who holds what it waits for, where the kernel says
    lines: tuple[int, ...]  # of its first report

    @property
    def signature(self) -> str:
        return wait_signature(self.stack, self.wait)


@record(kw_only=True)
class AlarmFinding(Finding):
    """Alarms of a kernel log that have the same class and title. t is that of the newest."""

    finding: ClassVar[str] = "alarm"
    sums_up: ClassVar[bool] = True
    class_: str
    title: str
    count: int
    boots: int
    first_t: float
    last_t: float
    comm: str | None  # of the first; None: the log does not say
    pid: int | None
    detail: tuple[str, ...]
    stack: Stack
    unreliable: bool
    lines: tuple[int, ...]  # of the first
    kernel: str = ""
    taint: str = ""  # letters, of the first
    modules: tuple[str, ...] = ()  # loaded ones that are not the kernel's own: "nvidia(POE)"

    @property
    def signature(self) -> str:
        return signature(self.class_, self.stack, "" if self.stack else self.title)

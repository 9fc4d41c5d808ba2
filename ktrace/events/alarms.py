"""What else a kernel log complains of."""

from typing import ClassVar

from ktrace.events.event import Event, Stack, Task
from ktrace.record import record


@record(kw_only=True)
class Alarm(Event):
    """An alarm in a kernel log that is no report of a bad page, the OOM killer or a hung task."""

    name: ClassVar[str] = "alarm"
    boot: str
    kernel: str
    class_: str  # oops, kasan, soft-lockup, io-error, ...; "class" in JSON
    title: str  # as syzkaller gives it: "KASAN: use-after-free Read in foo"
    task: Task | None  # whose context; None: the log does not say
    detail: tuple[str, ...]  # what the report says beside, in words
    stack: Stack
    unreliable: bool  # all of the stack is marked "?"
    taint: str  # letters of "Tainted:", without blanks
    lines: tuple[int, ...]  # of the log, first and last
    modules: tuple[str, ...] = ()  # loaded ones that are not the kernel's own: "nvidia(POE)"

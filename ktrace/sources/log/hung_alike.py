"""Hung tasks' reports that are alike: other tasks that hang in the same place."""

from ktrace.events import HungReport, Task
from ktrace.sources.log.alike import Alike, made_like
from ktrace.sources.log.form import Form, Registers
from ktrace.sources.log.heads import Heads
from ktrace.sources.log.prefix import Prefix
from ktrace.sources.log.shape import Found, Read


class HungAlike(Alike):
    marker = " for more than "
    forms = (
        Form("INFO: task <comm:name>:<pid:dec> *for more than <seconds:dec> seconds"),
        Form("task:<comm:name>  state:* stack:~<dec>  pid:~<pid:dec>  ppid:~<dec>  flags:0x<hex>"),
        Form(
            "task:<comm:name>  state:* stack:~<dec>  pid:~<pid:dec>  tgid:~<dec>  ppid:~<dec>  "
            "*flags:0x<hex> flags:0x<hex>"
        ),
        Form("<comm:name>  D  <dec>  <pid:dec>  <dec> 0x<hex>"),
        Form("<comm:name>  D <hex>  <dec>  <pid:dec>  <dec> 0x<hex>"),
        Registers(),
    )
    next_head = r"INFO: task [A-Za-z_./:+(,-][\w./:+(),-]{0,14}:\d{1,10} blocked for more than \d"

    def __init__(self, read: Read, prefix: Prefix, heads: Heads) -> None:
        super().__init__(read, prefix, heads)
        first = read.report.event("")
        assert isinstance(first, HungReport)
        self._groups = self.shape.groups("comm", "pid", "seconds")
        self._made = made_like(first, "t", "boot", "task", "blocked_s", "lines")

    def event(self, found: Found, t: float, boot: str, lines: tuple[int, int]) -> HungReport:
        comm, pid, blocked = found.first.group(*self._groups)
        number = int(pid)
        task = Task(number, number, comm)
        event: HungReport = self._made(
            t=t, boot=boot, task=task, blocked_s=int(blocked), lines=lines
        )
        return event

    def names(self, found: Found) -> tuple[str]:
        return (found.first["comm"],)

"""The line by which the kernel's dump of a task begins: sched_show_task() of kernel/sched/core.c.

"task:sh              state:D stack:    0 pid:  377 ppid:     1 flags:0x00000004" in v5.10; older
ones have "sh   D ffff8817dddf80b0     0 26120
26119 0x00000080", "a.out           D13056  9261   6927 0x00100084".
"""

import re

from ktrace.events import Task

_NEW = re.compile(
    r"task:(?P<comm>.{1,64}?)\s+state:(?P<state>\S)\S*\s+stack:\s*-?\d+\s+pid:\s*(?P<pid>\d{1,10})"
)
_OLD = re.compile(
    r"(?P<comm>\S.{0,62}?)\s+(?P<state>[RSDTtXZPIK])\s*"
    r"(?:running task\s+|(?:0x)?[0-9a-f]{8,16}\s+)?\d+\s+(?P<pid>\d{1,10})\s+\d+\s+0x[0-9a-f]{8}"
)


def dumped_task(text: str) -> tuple[Task, str] | None:
    """The task and the letter of its state; None: the line begins no dump."""
    if text.startswith("task:"):
        match = _NEW.match(text)
    elif " 0x" in text:
        match = _OLD.match(text)
    else:
        return None
    if match is None:
        return None
    pid = int(match["pid"])
    return Task(pid, pid, match["comm"]), match["state"]

"""What the guest's own /proc says of a task: the truth that ktrace is measured against."""

import re
from dataclasses import dataclass

SIGKILL_BIT = 1 << 8
_FRAME = re.compile(r"^\[<0>\] (\S+?)(\+0x[0-9a-f]+)/", re.MULTILINE)


@dataclass(frozen=True)
class TaskFacts:
    """State letter, whether SIGKILL is pending, and the stack as (function, offset)."""

    state: str
    sigkill_pending: bool
    stack: tuple[tuple[str, str], ...]

    def place_in(self, function: str) -> str | None:
        """Where in `function` the task is, if it is in it at all."""
        return next((offset for name, offset in self.stack if name == function), None)


def question(pid: int) -> str:
    """The shell command whose output `parse` reads."""
    return f"cat /proc/{pid}/status /proc/{pid}/stack"


def parse(text: str) -> TaskFacts:
    """The facts in the contents of /proc/PID/status and /proc/PID/stack."""
    fields = dict(re.findall(r"^(State|SigPnd|ShdPnd):\s+(\S+)", text, re.MULTILINE))
    pending = int(fields.get("SigPnd", "0"), 16) | int(fields.get("ShdPnd", "0"), 16)
    frames = tuple((name, offset) for name, offset in _FRAME.findall(text))
    return TaskFacts(fields.get("State", "?"), bool(pending & SIGKILL_BIT), frames)

"""Tasks that SysRq-w or -t has shown asleep in D state, those in one place together."""

from ktrace.detectors.hung_tasks import wait_in
from ktrace.events import TaskDump
from ktrace.findings.signature import signature
from ktrace.views import words
from ktrace.views.alarm_text import stack_line, where
from ktrace.views.safe_text import safe

_NAMES = 6


class TaskDumps:
    """Counts them while the log is read."""

    def __init__(self) -> None:
        self._groups: dict[str, list[TaskDump]] = {}
        self._counts: dict[str, int] = {}

    def add(self, dump: TaskDump) -> None:
        key = signature("task", dump.stack)
        group = self._groups.setdefault(key, [])
        self._counts[key] = self._counts.get(key, 0) + 1
        if len(group) < _NAMES:
            group.append(dump)

    def lines(self) -> list[str]:
        """A line for each place, and its stack."""
        told = []
        for key, group in self._groups.items():
            count, wait = self._counts[key], wait_in(group[0].stack)
            place = f" in {safe(wait.function)}, {safe(wait.primitive)}" if wait else ""
            names = ", ".join(words.name_of(dump.task) for dump in group)
            more = f" and {count - len(group)} more" if count > len(group) else ""
            told.append(
                f"BLOCKED when shown by SysRq: {words.count(count, 'task')}{place}: {names}{more}"
                f"{where(group[0].lines)}"
            )
            told.append(" " * 14 + stack_line(group[0].stack, group[0].unreliable))
        return [line for line in told if line.strip()]

"""What the stacks of sleepers told in one look, each in the sleep in which it was read."""

from collections.abc import Callable, Mapping, Sequence

from ktrace.waits.found import Found


class Readings:
    """All who wait in one list are read when the first of them is. On a starved machine that may be
    seconds after the walk that has shown them: what was read counts for those who have not slept
    anew since."""

    def __init__(self, switches: Callable[[Sequence[int]], Mapping[int, int]]) -> None:
        """switches: of each task_struct, how often that task has left a CPU by now."""
        self._switches = switches
        self._read: dict[int, tuple[Found | None, int]] = {}

    def clear(self) -> None:
        self._read.clear()

    def __contains__(self, task: int) -> bool:
        return task in self._read

    def add(self, task: int, found: Found | None) -> None:
        """Just read, by the address of its task_struct."""
        waiters = dict.fromkeys((task, *(found.waiters if found else ())))
        for waiter, switches in self._switches([*waiters]).items():
            self._read[waiter] = found, switches

    def of(self, task: int, switches: int) -> Found | None:
        """What it waited for after so many switches; None: nothing tells."""
        found, after = self._read.get(task, (None, switches))
        return found if after == switches else None

"""Who holds the lock that a hung task waits for, by what lockdep and the NMI back traces of a log
say."""

from collections import defaultdict

from ktrace.events import HeldLock, HeldLocks, Stack, Task, TaskDump, TaskLocks
from ktrace.findings.signature import function_names

# Primitives of ktrace.kernel.wait_functions that wait for a lock, which lockdep knows
LOCKS = frozenset(
    {
        "mutex_lock",
        "down_read",
        "down_write",
        "percpu_down_read",
        "percpu_down_write",
        "rt_mutex_lock",
    }
)
_TOLD = 4  # of those that may hold it
_BOOTS_MAX = 64
_RUNNING_MAX = 4_096  # CPUs


class LockHolders:
    """The newest list of each boot's locks, and what ran meanwhile."""

    def __init__(self) -> None:
        self._locks: dict[str, dict[int, TaskLocks]] = {}
        self._running: dict[str, dict[int, Stack]] = defaultdict(dict)

    def add(self, event: HeldLocks) -> None:
        """Lists of single tasks add up; a task's newest counts."""
        if event.boot not in self._locks and len(self._locks) >= _BOOTS_MAX:
            return
        known = self._locks.setdefault(event.boot, {})
        known |= {entry.task.pid: entry for entry in event.tasks}

    def add_running(self, event: TaskDump) -> None:
        """A task that was on a CPU."""
        running = self._running[event.boot] if len(self._running) < _BOOTS_MAX else {}
        if len(running) < _RUNNING_MAX:
            running[event.task.pid] = event.stack

    def running_in(self, boot: str, pid: int) -> str | None:
        """The function in which it ran; None: nobody saw it run."""
        stack = self._running.get(boot, {}).get(pid)
        names = function_names(stack or ())
        return names[0] if names else None

    def of(self, boot: str, pid: int) -> list[tuple[Task, str, str]]:
        """Those that hold, or may hold, what the task waits for: its last lock. Each with why, and
        the line that says it."""
        known = self._locks.get(boot, {})
        waiter = known.get(pid)
        if waiter is None:
            return []
        wanted = waiter.locks[-1]
        others = [entry for entry in known.values() if entry.task.pid != pid]
        # what comes before another lock of a task is had; its last one it may wait for itself
        sure = [e for e in others if any(_same(lock, wanted) for lock in e.locks[:-1])]
        if sure:
            return [_told(entry, wanted, "holds") for entry in sure[:_TOLD]]
        maybe = [entry for entry in others if _same(entry.locks[-1], wanted)]
        return [_told(entry, wanted, "holds or waits for") for entry in maybe[:_TOLD]]


def _same(lock: HeldLock, other: HeldLock) -> bool:
    """Old kernels print no address: of a class there may be many then, but for a lone mutex."""
    if lock.object and other.object:
        return lock.object == other.object
    return lock.name == other.name


def _told(entry: TaskLocks, wanted: HeldLock, verb: str) -> tuple[Task, str, str]:
    held = next(lock for lock in reversed(entry.locks) if _same(lock, wanted))
    if not wanted.object:
        verb = f"{verb} a lock of class" if verb == "holds" else f"{verb} one of class"
    return entry.task, f"{verb} {wanted.name}", f"lockdep: taken at {held.at}"

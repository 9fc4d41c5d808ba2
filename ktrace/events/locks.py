"""The locks that lockdep knows tasks to hold."""

from typing import ClassVar

from ktrace.events.event import Event, Task
from ktrace.record import record


@record
class HeldLock:
    """A lock that a task holds, or, if it is the task's last one, may still wait for: lockdep
    counts it before it is had (lock_acquire())."""

    name: str  # of its class: "rtnl_mutex", "&sb->s_type->i_mutex_key#10"
    object: str  # its address or the hash of it, as the log has it; empty: not told
    at: str  # "linkwatch_event+0xf/0x60"


@record
class TaskLocks:
    """A task and its locks, in the order in which it took them."""

    task: Task
    locks: tuple[HeldLock, ...]


@record(kw_only=True)
class HeldLocks(Event):
    """A log's "Showing all locks held in the system", or the locks of one task."""

    name: ClassVar[str] = "held_locks"
    boot: str
    kernel: str
    tasks: tuple[TaskLocks, ...]
    lines: tuple[int, ...]  # of the log, first and last

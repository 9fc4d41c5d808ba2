"""Waits: what a sleeping task waits for, and who holds it."""

from typing import ClassVar

from ktrace.events.event import Event, Task
from ktrace.record import record


@record
class Holder:
    """A thread that somebody waits for."""

    task: Task
    why: str  # "holds the mutex"
    # where its stack has to lie for that; empty: it does so anyhow (ktrace.waits.page_faults)
    within: str = ""


@record(kw_only=True)
class TaskWait(Event):
    """A look at what a sleeping thread waits for, read from its stack (ktrace.waits).

    It holds for the sleep that the thread is in: as long as its context switches stay the same.
    """

    name: ClassVar[str] = "task_wait"
    task: Task
    start_t: float  # the thread's birth; with the tid, its identity
    switches: int
    wait: str  # a name of ktrace.waits.table
    object: str  # address of what is waited for, hexadecimal; empty: not known
    detail: str  # what it is, in the kernel's words
    evidence: tuple[str, ...]
    holders: tuple[Holder, ...]
    holders_left_out: int = 0  # of very many only some are told
    waiters: int  # how many wait at it, this one too; 0: not known
    target: str  # what a command that releases it names: a mount point, a device, a connection

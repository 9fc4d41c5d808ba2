"""What a kind of wait finds on a sleeper's stack."""

from collections.abc import Callable

from ktrace.record import record
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.sleeper import Sleeper

# Kinds that know the object and nothing more: a function on the stack says more, where it is
# known (ktrace.waits.by_function)
OBJECT_ALONE = frozenset({"completion", "wait-queue"})


@record
class Found:
    """A wait, as it was at this look."""

    kind: str
    object: int  # address of the lock, queue, folio, ...: what the waiters share; 0: not known
    detail: str  # what it is, in the kernel's words: "i_rwsem of inode 12 of ext4 on sda1"
    evidence: tuple[str, ...]  # by what it is known
    holders: tuple[tuple[KernelTask, str], ...] = ()  # and why: "holds the mutex"
    waiters: tuple[int, ...] = ()  # task_structs of all that wait at it, where it has a list
    target: str = ""  # what a command that releases it names: a mount point, a dm device
    # who holds it if its stack lies inside a page fault (ktrace.waits.page_faults), and why
    likely: tuple[tuple[KernelTask, str], ...] = ()


@record
class Kind:
    """A kind of wait: one file of ktrace.waits.kinds, and a line of ktrace.waits.table."""

    name: str
    wants: tuple[str, ...]  # what it reads, as Layout.of() takes it
    read: Callable[[Sleeper, Kernel], Found | None]
    tells: str = ""  # of the object; this and the next three are columns of docs/waits.md
    holder: str = "not known"
    released: str = ""  # by whom or what, and the command
    seen: str = ""  # kernels on which a test has seen it: "5.10, 6.1"
    of_runnable: bool = False  # of tasks that do not sleep, and have no CPU

"""What the kernel itself says that a task waits for, beside what lies on the task's stack."""

from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper

BLOCKED_ON, BLOCKER = "task_struct.blocked_on", "task_struct.blocker"
WANTS = (BLOCKED_ON, BLOCKER)

# include/linux/hung_task.h: the type in the low bits of task_struct.blocker
_TYPE = 3
_LOCKS = ("mutex", "semaphore", "rw_semaphore", "rw_semaphore")


def blockers(sleeper: Sleeper, kernel: Kernel, lock: str) -> dict[str, int]:
    """Addresses of a struct `lock`, by the member of task_struct that names it.

    blocked_on is a mutex: of kernels with CONFIG_DEBUG_MUTEXES, and of newer ones always (seen on
    6.18). blocker is of kernels with CONFIG_DETECT_HUNG_TASK_BLOCKER.
    """
    said = {}
    if lock == "mutex" and kernel.layout.has(BLOCKED_ON):
        word = kernel.member(sleeper.address, BLOCKED_ON) or 0
        # PROXY_WAKING, kernel/sched/sched.h: no lock, but that proxy execution wakes it
        said[BLOCKED_ON] = 0 if word == kernel.width.greatest else word
    if kernel.layout.has(BLOCKER):
        word = kernel.member(sleeper.address, BLOCKER) or 0
        said[BLOCKER] = word & ~_TYPE if _LOCKS[word & _TYPE] == lock else 0
    return {name: address for name, address in said.items() if address}

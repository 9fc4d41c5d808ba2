"""Any other completion: wait_for_completion(), kernel/sched/completion.c.

A completion does not keep who completes it. Of one the other side is known: kthread_stop() waits
for the thread to end, kernel/kthread.c.
"""

from ktrace.waits.completions import WANTS, completion_of
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.sleeper import Sleeper

_ENDS = "task_struct.vfork_done"  # of a kernel thread, kthread.exited


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    completion = completion_of(sleeper, kernel)
    if completion is None:
        return None
    evidence = "completion on its stack"
    thread = _stopped(completion, sleeper, kernel) if sleeper.is_in("kthread_stop") else None
    if thread:
        return Found(
            "completion",
            completion,
            f"the end of {thread.comm}[{thread.tid}]",
            (evidence, _ENDS),
            ((thread, "is to end, and has not"),),
        )
    return Found("completion", completion, kernel.data_symbol(completion), (evidence,))


def _stopped(completion: int, sleeper: Sleeper, kernel: Kernel) -> KernelTask | None:
    """The thread is in a register that callees saved."""
    found = kernel.members(sleeper.elsewhere(), kernel.layout[_ENDS])
    tasks = (kernel.task(word) for word, done in found if done == completion)
    return next((task for task in tasks if task), None)


KIND = Kind(
    "completion",
    (*WANTS, _ENDS),
    _read,
    tells="its symbol, where it is static",
    holder="of `kthread_stop()`, the thread; else not known",
    released="whoever calls `complete()`",
    seen="5.10, 6.1, 6.12, 7.2",
)

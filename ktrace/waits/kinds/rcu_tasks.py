"""A grace period of RCU tasks, of one of its flavours: kernel/rcu/tasks.h.

synchronize_rcu_tasks*() waits until each task that could run when it began has slept, or run in
user space; in the trace flavour, until those have left its read-side critical sections who were
inside. A kernel thread of the flavour looks for that, with a list on its stack of those that it
waits for. First it waits for a grace period of RCU itself. The thread of the rude flavour waits
for a work item on each CPU.
"""

from collections.abc import Iterator

from ktrace.plural import count
from ktrace.record import record
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.lists import members
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.statics import WANTS, as_sleeper, kernel_threads


@record
class _Flavour:
    name: str
    thread: str  # that drives its grace periods, as its comm has room for it
    list: str = ""  # of the tasks that hold it up, by a member of theirs
    flag: str = ""  # they still do
    why: str = ""


_COMM = 15  # TASK_COMM_LEN
# by the function that __wait_rcu_gp() has been given to call
_FLAVOURS = {
    "call_rcu_tasks": _Flavour(
        "RCU tasks",
        "rcu_tasks_kthread"[:_COMM],
        "task_struct.rcu_tasks_holdout_list",
        "task_struct.rcu_tasks_holdout",
        "has neither slept nor run in user space since the grace period began",
    ),
    "call_rcu_tasks_rude": _Flavour("RCU tasks rude", "rcu_tasks_rude_kthread"[:_COMM]),
    "call_rcu_tasks_trace": _Flavour(
        "RCU tasks trace",
        "rcu_tasks_trace_kthread"[:_COMM],
        "task_struct.trc_holdout_list",
        why="is inside a read-side critical section of it",
    ),
}
_FUNCTIONS = (
    "synchronize_rcu_tasks",
    "synchronize_rcu_tasks_generic",
    "synchronize_rcu_tasks_rude",
    "synchronize_rcu_tasks_trace",
)
_MOST = 1000


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    flavour = _flavour(sleeper, kernel) if sleeper.is_in(*_FUNCTIONS) else None
    if flavour is None:
        return None
    threads = kernel_threads(kernel, sleeper.address)
    thread = next((thread for thread in threads if thread.comm == flavour.thread), None)
    if thread is None:
        return None
    detail, evidence = f"a grace period of {flavour.name}", flavour.thread
    tasks = [*_holdouts(flavour, thread, kernel)] if flavour.list else []
    if tasks:
        detail += f", which waits for {count(len(tasks), 'task')}"
        evidence = flavour.list.partition(".")[2]
        holders = tuple((task, flavour.why) for task in tasks)
    else:
        holders = ((thread, "drives the grace period"),)
    return Found("rcu-tasks", thread.address, detail, (evidence,), holders)


def _flavour(sleeper: Sleeper, kernel: Kernel) -> _Flavour | None:
    """By what lies on the stack: all of them sleep in the same functions."""
    names = (kernel.symbol(word) for word in sleeper.words() if word & kernel.width.mask)
    return next((_FLAVOURS[name] for name in names if name in _FLAVOURS), None)


def _holdouts(flavour: _Flavour, thread: KernelTask, kernel: Kernel) -> Iterator[KernelTask]:
    """By the list's head on the thread's stack, to which its first member leads back."""
    driver = as_sleeper(kernel, thread)
    if driver is None:
        return
    offset = kernel.layout[flavour.list]
    back = kernel.layout["list_head.prev"]
    for node, head in kernel.members(driver.elsewhere(), back):
        if driver.word(head) == node and kernel.task(node - offset):
            nodes, _ = members(kernel, head, _MOST)
            tasks = (kernel.task(each - offset) for each in nodes)
            yield from (task for task in tasks if task and _holds(flavour, task, kernel))
            return


def _holds(flavour: _Flavour, task: KernelTask, kernel: Kernel) -> bool:
    if not flavour.flag:
        return True
    data = kernel.memory.read(task.address + kernel.layout[flavour.flag], 1)
    return bool(data and data[0])


KIND = Kind(
    "rcu-tasks",
    (
        *WANTS,
        *(path for one in _FLAVOURS.values() for path in (one.list, one.flag) if path),
    ),
    _read,
    tells="the flavour, and how many tasks hold it up",
    holder="those tasks; before that, after, and of the rude flavour, the thread that drives the "
    "grace period",
    released="them",
    seen="6.1",
)

"""A grace period of RCU tasks: synchronize_rcu_tasks(), kernel/rcu/tasks.h.

It waits until each task that could run when it began has slept, or run in user space. A kernel
thread looks for that, with a list on its stack of those that have not (rcu_tasks_holdout_list).
First it waits for a grace period of RCU itself.
"""

from ktrace.plural import count
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.lists import members
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.statics import WANTS, as_sleeper, kernel_threads

_FUNCTIONS = ("synchronize_rcu_tasks", "synchronize_rcu_tasks_generic")
_THREAD = "rcu_tasks_kthread"[:15]  # TASK_COMM_LEN
_LIST, _IS_HOLDOUT = "task_struct.rcu_tasks_holdout_list", "task_struct.rcu_tasks_holdout"
_MOST = 1000
_WHY = "has neither slept nor run in user space since the grace period began"


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if not sleeper.is_in(*_FUNCTIONS):
        return None
    threads = kernel_threads(kernel, sleeper.address)
    thread = next((thread for thread in threads if thread.comm == _THREAD), None)
    if thread is None:
        return None
    tasks = _holdouts(thread, kernel)
    if tasks:
        detail = f"a grace period of RCU tasks, which waits for {count(len(tasks), 'task')}"
        holders = tuple((task, _WHY) for task in tasks)
    else:
        detail = "a grace period of RCU tasks"
        holders = ((thread, "drives the grace period"),)
    return Found("rcu-tasks", thread.address, detail, ("rcu_tasks_holdout_list",), holders)


def _holdouts(thread: KernelTask, kernel: Kernel) -> list[KernelTask]:
    """By the list's head on the thread's stack, to which its first member leads back."""
    driver = as_sleeper(kernel, thread)
    if driver is None:
        return []
    offset = kernel.layout[_LIST]
    back = kernel.layout["list_head.prev"]
    for node, head in kernel.members(driver.elsewhere(), back):
        if driver.word(head) == node and kernel.task(node - offset):
            nodes, _ = members(kernel, head, _MOST)
            tasks = (kernel.task(each - offset) for each in nodes)
            return [task for task in tasks if task and _is_holdout(task, kernel)]
    return []


def _is_holdout(task: KernelTask, kernel: Kernel) -> bool:
    data = kernel.memory.read(task.address + kernel.layout[_IS_HOLDOUT], 1)
    return bool(data and data[0])


KIND = Kind(
    "rcu-tasks",
    (*WANTS, _LIST, _IS_HOLDOUT),
    _read,
    tells="how many tasks hold it up",
    holder="those tasks; before that, and after, the thread that drives the grace period",
    released="them",
    seen="6.1",
)

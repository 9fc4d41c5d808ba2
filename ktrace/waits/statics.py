"""Static structures of the kernel, where its kallsyms has no variables (CONFIG_KALLSYMS_ALL off).

Kernel threads lead to them: the one that drives RCU's grace periods sleeps in a queue inside of
rcu_state, and each CPU has a thread whose cfs_rq belongs to the CPU's run queue.
"""

from collections.abc import Iterator

from ktrace.waits.completions import WANTS as COMPLETION_WANTS
from ktrace.waits.completions import simple_queue_of
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.per_cpu import each_cpu
from ktrace.waits.sleeper import Sleeper, stack_of

WANTS = (
    *COMPLETION_WANTS,
    "task_struct.tasks",
    "task_struct.real_parent",
    "task_struct.se.cfs_rq",
    "cfs_rq.rq",
    "rq.cpu",
    "rcu_state.gp_wq.task_list",
    "rcu_state.gp_kthread",
)
_RCU_THREADS = "rcu_"  # rcu_preempt, rcu_sched: kernel/rcu/tree.c
_MOST_ANCESTORS, _MOST_TASKS = 64, 2000


def rcu_state(kernel: Kernel, task: int) -> int | None:
    """task: any, from which the way to the kernel's threads begins."""
    known = kernel.variable("rcu_state") or kernel.statics.get("rcu_state")
    if known:
        return known
    for thread in kernel_threads(kernel, task):
        found = _state_of(kernel, thread) if thread.comm.startswith(_RCU_THREADS) else None
        if found:
            kernel.statics["rcu_state"] = found
            return found
    return None


def _state_of(kernel: Kernel, thread: KernelTask) -> int | None:
    """Where gp_kthread is the thread that sleeps in gp_wq."""
    sleeper = as_sleeper(kernel, thread)
    queue = simple_queue_of(sleeper, kernel) if sleeper else None
    if not queue:
        return None
    state = queue - kernel.layout["rcu_state.gp_wq.task_list"]
    driven_by = kernel.member(state, "rcu_state.gp_kthread")
    return state if driven_by == thread.address else None


def run_queues(kernel: Kernel, task: int) -> dict[int, int]:
    """struct rq by CPU, of those that are found."""
    variable = kernel.variable("runqueues")
    if variable:
        return dict(enumerate(each_cpu(kernel, variable)))
    found = {int(key[2:]): at for key, at in kernel.statics.items() if key.startswith("rq")}
    if not found:
        for thread in kernel_threads(kernel, task):
            queue = kernel.member(thread.address, "task_struct.se.cfs_rq")
            run_queue = kernel.member(queue, "cfs_rq.rq") if queue else None
            cpu = kernel.number(run_queue, "rq.cpu") if run_queue else None
            if run_queue and cpu is not None:
                found.setdefault(cpu, run_queue)
                kernel.statics[f"rq{cpu}"] = run_queue
            if len(found) == kernel.cpus:
                break
    return found


def as_sleeper(kernel: Kernel, task: KernelTask) -> Sleeper | None:
    """A task that nobody has shown yet: without its functions."""
    sp = kernel.saved_sp(task.address)
    if not sp:
        return None
    stack = stack_of(kernel, sp)
    if not stack:
        return None
    return Sleeper(task.address, task.pid, task.tid, task.comm, (), sp, stack, kernel.width)


def kernel_threads(kernel: Kernel, task: int) -> Iterator[KernelTask]:
    """Tasks in the order of their births, from the first on: the kernel's threads are among the
    first."""
    at = task
    for _ in range(_MOST_ANCESTORS):
        parent = kernel.member(at, "task_struct.real_parent")
        if not parent or parent == at:
            break
        at = parent
    offset = kernel.layout["task_struct.tasks"]
    first = node = at + offset
    for _ in range(_MOST_TASKS):
        node = kernel.pointer(node) or 0
        found = kernel.task(node - offset) if node and node != first else None
        if found is None:
            return
        yield found

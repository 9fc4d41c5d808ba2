"""A task that may not run: its cgroup has used up its cpu.max, kernel/sched/fair.c.

Before v6.18 the whole cfs_rq is taken from the run queue, wherever its tasks are, locks and all;
since then each task when it returns to user space (task_struct.throttled), where it holds none.
"""

from ktrace.waits.cgroups import WANTS, controller_state, upward, where_is
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper

V1, V2 = "cpu.cfs_quota_us", "cpu.max"
_THROTTLED = "cfs_rq.throttled"


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    """The nearest cgroup that is throttled on the task's CPU."""
    layout = kernel.layout
    if layout.has("task_struct.throttled"):
        held = kernel.memory.read(sleeper.address + layout["task_struct.throttled"], 1)
        if not held or held == b"\0":
            return None
    cpu = _cpu(kernel, sleeper.address)
    state = controller_state(kernel, sleeper.address, "cpu")
    for css in upward(kernel, state):
        queues = kernel.member(css - layout["task_group.css"], "task_group.cfs_rq")
        queue = kernel.pointer(queues + kernel.width.word * cpu) if queues else None
        if queue and kernel.number(queue, _THROTTLED):
            return _found(kernel, css, cpu)
    return None


def _found(kernel: Kernel, css: int, cpu: int) -> Found:
    cgroup = kernel.member(css, "cgroup_subsys_state.cgroup") or 0
    version1 = "cpu" in kernel.cgroups
    where = where_is(kernel, cgroup, "cpu" if version1 else "")
    file = V1 if version1 else V2
    return Found(
        "cpu-bandwidth",
        cgroup,
        f"a CPU: cgroup {where.path} has used up its {file} on CPU {cpu}",
        (_THROTTLED,),
        target=where.file(file),
    )


def _cpu(kernel: Kernel, task: int) -> int:
    path = "task_struct.thread_info.cpu"
    if not kernel.layout.has(path):
        path = "task_struct.cpu"  # before v5.16, bcf9033e5449
    return kernel.number(task, path) or 0


KIND = Kind(
    "cpu-bandwidth",
    (
        *WANTS,
        _THROTTLED,
        "task_struct.throttled",
        "task_struct.thread_info.cpu",
        "task_struct.cpu",
        "task_group.cfs_rq",
        "task_group.css",
    ),
    _read,
    tells="the cgroup that is throttled, of a task that could run",
    holder="nobody",
    released="`echo max > .../cpu.max`, `echo -1 > .../cpu.cfs_quota_us`",
    seen="5.10, 6.1, 6.12, 6.18",
    of_runnable=True,
)

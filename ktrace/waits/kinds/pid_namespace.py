"""The init of a PID namespace, which dies last: zap_pid_ns_processes(), kernel/pid_namespace.c."""

from collections.abc import Iterator

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.xarray import WANTS as XARRAY_WANTS
from ktrace.waits.xarray import entries

_MOST = 1000  # tasks that are looked at
_EXIT_ZOMBIE = 0x20  # include/linux/sched.h, never moved


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if not sleeper.is_in("zap_pid_ns_processes"):
        return None
    pid = kernel.member(sleeper.address, "task_struct.thread_pid")
    namespace = _namespace(pid, kernel) if pid else None
    if not namespace:
        return None
    members = [task for task in _tasks(namespace, kernel) if task.pid != sleeper.pid]
    holders = dict(
        _holder(task, namespace, kernel) for task in members if not _has_threads(task, kernel)
    )
    return Found(
        "pid-namespace",
        namespace,
        f"{len(members)} of its tasks have to die and to be reaped",
        ("pid_namespace.idr",),
        tuple(holders.items()),
    )


def _namespace(pid: int, kernel: Kernel) -> int | None:
    """ns_of_pid(): that of its innermost number."""
    level = kernel.number(pid, "pid.level")
    if level is None:
        return None
    number = kernel.layout["upid"] * level
    return kernel.pointer(pid + kernel.layout["pid.numbers"] + number + kernel.layout["upid.ns"])


def _tasks(namespace: int, kernel: Kernel) -> Iterator[KernelTask]:
    """Every task that has a number in it, by its struct pid."""
    layout = kernel.layout
    root = kernel.member(namespace, "pid_namespace.idr.idr_rt.xa_head")
    for count, pid in enumerate(entries(kernel, root or 0)):
        if count >= _MOST:
            return
        first = kernel.pointer(pid + layout["pid.tasks"])  # PIDTYPE_PID is 0
        task = kernel.task(first - layout["task_struct.pid_links"]) if first else None
        if task:
            yield task


def _has_threads(task: KernelTask, kernel: Kernel) -> bool:
    """A leader that is dead already, but has threads that are not: they hold it, and are members
    themselves."""
    if not _exit_state(task, kernel) or task.tid != task.pid:
        return False
    signal = kernel.member(task.address, "task_struct.signal")
    return bool(signal and (kernel.number(signal, "signal_struct.nr_threads") or 0) > 1)


def _exit_state(task: KernelTask, kernel: Kernel) -> int:
    return kernel.number(task.address, "task_struct.exit_state") or 0


def _holder(task: KernelTask, namespace: int, kernel: Kernel) -> tuple[KernelTask, str]:
    """Who has to act: the task itself, or who has to reap it when it is a zombie."""
    if _exit_state(task, kernel) & _EXIT_ZOMBIE:
        parent = kernel.member(task.address, "task_struct.parent") or 0
        real = kernel.member(task.address, "task_struct.real_parent")
        reaper = kernel.task(parent)
        if reaper:
            how = "is its parent" if parent == real else "traces it"
            if _is_outside(reaper, namespace, kernel):
                how += ", outside of the PID namespace"
            return reaper, f"has not reaped {task.comm}[{task.tid}], a zombie, and {how}"
    return task, "is alive in the PID namespace"


def _is_outside(task: KernelTask, namespace: int, kernel: Kernel) -> bool:
    pid = kernel.member(task.address, "task_struct.thread_pid")
    return bool(pid) and _namespace(pid or 0, kernel) != namespace


KIND = Kind(
    "pid-namespace",
    (
        *XARRAY_WANTS,
        "task_struct.thread_pid",
        "task_struct.pid_links",
        "task_struct.exit_state",
        "task_struct.parent",
        "task_struct.real_parent",
        "signal_struct.nr_threads",
        "pid.level",
        "pid.numbers",
        "pid.tasks",
        "upid",
        "upid.ns",
        "pid_namespace.idr.idr_rt.xa_head",
    ),
    _read,
    tells="how many tasks are left",
    holder="each task that is alive, or who has not reaped it: its tracer, its parent (outside "
    "or not)",
    released="them",
    seen="6.1, 6.12, 6.18, 7.2",
)

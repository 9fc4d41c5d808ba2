"""A grace period of RCU: synchronize_rcu(), kernel/rcu/tree.c, tree_plugin.h.

It waits for each CPU that has not passed a quiescent state since it began (a bit in qsmask), and
for each task that has been scheduled out in a read-side critical section (CONFIG_PREEMPT_RCU).
"""

from collections.abc import Iterator

from ktrace.plural import count
from ktrace.record import record
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.lists import members
from ktrace.waits.per_cpu import each_cpu
from ktrace.waits.sleeper import Sleeper

_EXPEDITED = "synchronize_rcu_expedited"
_FUNCTIONS = ("synchronize_rcu", "synchronize_rcu_normal", "__wait_rcu_gp", "wait_rcu_gp")
_OTHER = "synchronize_rcu_tasks"  # and _rude, _trace: other flavours
_MOST_NODES = 1024
_MOST_TASKS = 1000
_IN_SECTION = "is inside an RCU read-side critical section, scheduled out"


@record
class _Left:
    """Of struct rcu_node: what is left to wait for."""

    mask: str
    tasks: str


_NORMAL = _Left("rcu_node.qsmask", "rcu_node.gp_tasks")
_EXPRESS = _Left("rcu_node.expmask", "rcu_node.exp_tasks")


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    expedited = sleeper.is_in(_EXPEDITED)
    if not expedited and not sleeper.is_in(*_FUNCTIONS):
        return None
    if any(function.startswith(_OTHER) for function in sleeper.functions):
        return None
    state = kernel.variable("rcu_state")
    leaves = [*_leaves(state, kernel)] if state else []
    if not state or not leaves:
        return None
    left = _EXPRESS if expedited else _NORMAL
    cpus = [cpu for leaf in leaves for cpu in _cpus(leaf, left, kernel)]
    running = _running(cpus, kernel)
    asleep = [task for leaf in leaves for task in _tasks(leaf, left, kernel)]
    holders = [(task, f"runs on CPU {cpu}, {_NOT_QUIET}") for cpu, task in running.items()]
    holders += [(task, _IN_SECTION) for task in asleep]
    return Found("rcu", state, _detail(cpus, len(asleep)), _EVIDENCE, tuple(holders))


_NOT_QUIET = "which has not passed a quiescent state"
_EVIDENCE = ("rcu_state",)


def _detail(cpus: list[int], asleep: int) -> str:
    left = []
    if cpus:
        left.append(f"CPU {', '.join(map(str, cpus))}")
    if asleep:
        left.append(f"{count(asleep, 'task')} scheduled out in a read-side critical section")
    return "a grace period" + (f", which waits for {' and '.join(left)}" if left else "")


def _leaves(state: int, kernel: Kernel) -> Iterator[int]:
    """rcu_node structs of the last level, which have CPUs beneath them."""
    levels, number = _int(kernel, "rcu_num_lvls"), _int(kernel, "rcu_num_nodes")
    if not levels or not number or number > _MOST_NODES:
        return
    size = kernel.layout["rcu_node"]
    end = state + kernel.layout["rcu_state.node"] + number * size
    at = kernel.pointer(state + kernel.layout["rcu_state.level"] + 8 * (levels - 1))
    if at and state <= at < end:
        yield from range(at, end, size)


def _int(kernel: Kernel, variable: str) -> int | None:
    address = kernel.variable(variable)
    data = kernel.memory.read(address, 4) if address else None
    return int.from_bytes(data, "little") if data else None


def _cpus(leaf: int, left: _Left, kernel: Kernel) -> list[int]:
    mask = kernel.member(leaf, left.mask) or 0
    lowest = kernel.number(leaf, "rcu_node.grplo") or 0
    return [lowest + bit for bit in range(64) if mask >> bit & 1]


def _running(cpus: list[int], kernel: Kernel) -> dict[int, KernelTask]:
    """By CPU; without one that is idle, or where run queues are not known."""
    queues = kernel.variable("runqueues")
    addresses = each_cpu(kernel, queues) if queues and cpus else []
    found = {}
    for cpu in cpus:
        current = kernel.member(addresses[cpu], "rq.curr") if cpu < len(addresses) else None
        task = kernel.task(current) if current else None
        if task:
            found[cpu] = task
    return found


def _tasks(leaf: int, left: _Left, kernel: Kernel) -> Iterator[KernelTask]:
    """From gp_tasks to the end of the list; those before it do not hold up this grace period."""
    first = kernel.member(leaf, left.tasks)
    head = leaf + kernel.layout["rcu_node.blkd_tasks"]
    if not first or first == head:
        return
    later, _ = members(kernel, first, _MOST_TASKS)
    for node in (first, *later):
        if node == head:  # the list goes round
            return
        task = kernel.task(node - kernel.layout["task_struct.rcu_node_entry"])
        if task:
            yield task


KIND = Kind(
    "rcu",
    (
        "rcu_state.node",
        "rcu_state.level",
        "rcu_node",
        _NORMAL.mask,
        _NORMAL.tasks,
        _EXPRESS.mask,
        _EXPRESS.tasks,
        "rcu_node.grplo",
        "rcu_node.blkd_tasks",
        "task_struct.rcu_node_entry",
        "rq.curr",
    ),
    _read,
    tells="the CPUs that the grace period waits for, and how many tasks",
    holder="what runs on those CPUs; tasks that were scheduled out in a read-side critical section",
    released="them",
    seen="5.10, 6.1, 6.12",
)

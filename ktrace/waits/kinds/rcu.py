"""A grace period of RCU: synchronize_rcu(), kernel/rcu/tree.c, tree_plugin.h.

It waits for each CPU that has not passed a quiescent state since it began (a bit in qsmask), and
for each task that has been scheduled out in a read-side critical section (CONFIG_PREEMPT_RCU).
"""

import os
from collections.abc import Iterator
from itertools import takewhile

from ktrace.plural import count
from ktrace.record import record
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.lists import members
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.statics import WANTS as STATIC_WANTS
from ktrace.waits.statics import rcu_state, run_queues

_EXPEDITED = "synchronize_rcu_expedited"
_FUNCTIONS = ("synchronize_rcu", "synchronize_rcu_normal", "__wait_rcu_gp", "wait_rcu_gp")
_OTHER = "synchronize_rcu_tasks"  # and _rude, _trace: other flavours
_MOST_LEVELS = 4  # RCU_NUM_LVLS
_LOWEST, _HIGHEST = "rcu_node.grplo", "rcu_node.grphi"  # CPUs
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
    state = rcu_state(kernel, sleeper.address)
    leaves = [*_leaves(state, kernel)] if state else []
    if not state or not leaves:
        return None
    left = _EXPRESS if expedited else _NORMAL
    cpus = [cpu for leaf in leaves for cpu in _cpus(leaf, left, kernel)]
    running = _running(cpus, sleeper.address, kernel)
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
    """rcu_node structs of the last level, which have CPUs beneath them, from 0 on without a gap;
    what is in the array behind them is not used."""
    layout = kernel.layout
    first, end = state + layout["rcu_state.node"], state + layout["rcu_state.level"]
    word = kernel.width.word
    levels = (kernel.pointer(end + word * number) or 0 for number in range(_MOST_LEVELS))
    used = [*takewhile(lambda level: first <= level < end, levels)]
    last = -1
    for at in range(used[-1], end, layout["rcu_node"]) if used else ():
        lowest, highest = (kernel.number(at, path) for path in (_LOWEST, _HIGHEST))
        if lowest != last + 1 or highest is None:
            return
        last = highest
        yield at


def _cpus(leaf: int, left: _Left, kernel: Kernel) -> list[int]:
    mask = kernel.member(leaf, left.mask) or 0
    lowest = kernel.number(leaf, _LOWEST) or 0
    return [lowest + bit for bit in range(8 * kernel.width.word) if mask >> bit & 1]


def _running(cpus: list[int], task: int, kernel: Kernel) -> dict[int, KernelTask]:
    """By CPU; without one that is idle, or whose run queue is not known, and without ktrace, which
    runs because it looks."""
    queues = run_queues(kernel, task) if cpus else {}
    found = {}
    for cpu in cpus:
        current = kernel.member(queues[cpu], "rq.curr") if cpu in queues else None
        running = kernel.task(current) if current else None
        if running and running.pid != os.getpid():
            found[cpu] = running
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
        *STATIC_WANTS,
        "rcu_state.node",
        "rcu_state.level",
        "rcu_node",
        _NORMAL.mask,
        _NORMAL.tasks,
        _EXPRESS.mask,
        _EXPRESS.tasks,
        _LOWEST,
        _HIGHEST,
        "rcu_node.blkd_tasks",
        "task_struct.rcu_node_entry",
        "rq.curr",
    ),
    _read,
    tells="the CPUs that the grace period waits for, and how many tasks",
    holder="what runs on those CPUs; tasks that were scheduled out in a read-side critical section",
    released="them",
    seen="5.10, 6.1, 6.12, 6.18",
)

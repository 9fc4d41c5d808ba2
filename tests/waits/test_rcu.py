"""ktrace.waits.kinds.rcu: whom a grace period waits for."""

import pytest

from ktrace.waits.kinds.rcu import KIND as RCU
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit

# one leaf of 16 CPUs, as on small machines
OFFSETS: dict[str, int | None] = {
    "rcu_state.node": 0,
    "rcu_state.level": 512,
    "rcu_node": 256,
    "rcu_node.qsmask": 32,
    "rcu_node.expmask": 40,
    "rcu_node.grplo": 120,
    "rcu_node.grphi": 124,
    "rcu_node.blkd_tasks": 144,
    "rcu_node.gp_tasks": 160,
    "rcu_node.exp_tasks": 168,
    "task_struct.rcu_node_entry": 872,
    "rq.curr": 0,
    "rq.cpu": 8,
    "task_struct.tasks": 400,
    "task_struct.real_parent": 416,
    "task_struct.se.cfs_rq": 424,
    "cfs_rq.rq": 0,
    "rcu_state.gp_wq.task_list": 584,
    "rcu_state.gp_kthread": 600,
    "swait_queue.task": 0,
    "swait_queue.task_list": 8,
}


@pytest.fixture
def heap() -> Heap:
    made = Heap(OFFSETS)
    state = made.new(640)
    made.variables[state] = "rcu_state"
    made.put(state + 512, state)  # the root is the leaf
    made.write(state + 124, (15).to_bytes(4, "little"))
    made.put(state + 144, state + 144)
    made.kernel.cpus = 2
    offsets, queues = made.new(16), made.new(128)
    made.variables |= {offsets: "__per_cpu_offset", queues: "runqueues"}
    made.put(offsets + 8, 64)
    for cpu, name in enumerate(("swapper", "spins")):
        made.put(queues + 64 * cpu, made.task(100 + cpu, name))
    return made


def state_of(heap: Heap) -> int:
    return next(at for at, name in heap.variables.items() if name == "rcu_state")


def test_a_cpu_that_has_not_been_quiet(heap: Heap) -> None:
    heap.put(state_of(heap) + 32, 0b10)
    waiter = heap.task(11, "waiter")
    found = RCU.read(heap.sleeper(waiter, "__wait_rcu_gp", "synchronize_rcu"), heap.kernel)
    assert found
    assert found.detail == "a grace period, which waits for CPU 1"
    assert [(task.comm, why) for task, why in found.holders] == [
        ("spins", "runs on CPU 1, which has not passed a quiescent state")
    ]


@pytest.mark.parametrize(
    ("function", "pointer"), [("synchronize_rcu", 160), ("synchronize_rcu_expedited", 168)]
)
def test_tasks_that_block_this_grace_period(heap: Heap, function: str, pointer: int) -> None:
    """Those from gp_tasks on; who is before it in the list came later."""
    state = state_of(heap)
    tasks = [heap.task(20 + i, f"reader-{i}") for i in range(3)]
    entries = [task + 872 for task in tasks]
    heap.link(state + 144, entries)
    heap.put(state + pointer, entries[1])
    found = RCU.read(heap.sleeper(heap.task(11, "waiter"), function), heap.kernel)
    assert found
    assert [task.comm for task, _ in found.holders] == ["reader-1", "reader-2"]
    assert "2 tasks scheduled out" in found.detail


def test_other_flavours_are_not_this_one(heap: Heap) -> None:
    sleeper = heap.sleeper(heap.task(11, "waiter"), "__wait_rcu_gp", "synchronize_rcu_tasks")
    assert RCU.read(sleeper, heap.kernel) is None


@pytest.mark.parametrize("nodes", [1, 3])
def test_all_leaves_of_the_last_level_that_is_used(nodes: int) -> None:
    """What is behind them in the array is not used: there are no CPUs beneath it."""
    size = 256
    level = size * 6
    heap = Heap(OFFSETS | {"rcu_state.level": level})
    state = heap.new(level + 64)
    heap.variables = {state: "rcu_state"}
    heap.put(state + level, state)
    heap.put(state + level + 8, state + size)
    for number in range(nodes):
        node = state + size * (1 + number)
        heap.put(node + 120, (16 * number + 15) << 32 | 16 * number)
        heap.put(node + 144, node + 144)
        heap.put(node + 32, 0b100)
    found = RCU.read(heap.sleeper(heap.task(11, "waiter"), "synchronize_rcu"), heap.kernel)
    cpus = ", ".join(str(16 * number + 2) for number in range(nodes))
    assert found
    assert found.detail == f"a grace period, which waits for CPU {cpus}"


def test_a_kernel_that_does_not_show_rcu_state(heap: Heap) -> None:
    """Without CONFIG_KALLSYMS_ALL, and without the thread that leads to it: the function on the
    stack alone says what it is."""
    heap.variables.clear()
    sleeper = heap.sleeper(heap.task(11, "waiter"), "synchronize_rcu")
    assert RCU.read(sleeper, heap.kernel) is None


def test_rcu_state_is_where_the_thread_that_drives_it_sleeps() -> None:
    """Without CONFIG_KALLSYMS_ALL; and what runs on a CPU is known by its run queue."""
    heap = Heap(OFFSETS)
    heap.kernel.cpus = 1
    idle = heap.task(1, "swapper")
    heap.write(idle + heap.layout["task_struct.pid"], bytes(4))
    gp, spins, waiter = (heap.task(15 + i, c) for i, c in enumerate(("rcu_sched", "spin", "w")))
    heap.link(idle + 400, [gp + 400, spins + 400, waiter + 400])
    for task in (idle, gp, spins, waiter):
        heap.put(task + 416, idle)
    queue, run_queue, state = heap.new(64), heap.new(64), heap.new(640)
    heap.put(spins + 424, queue)
    heap.put(queue, run_queue)
    heap.put(run_queue, spins)
    heap.put(state + 512, state)
    heap.write(state + 124, (15).to_bytes(4, "little"))
    heap.put(state + 144, state + 144)
    heap.put(state + 32, 1)
    node = heap.sp(gp) + 0x100
    heap.put(node, gp)
    heap.link(state + 584, [node + 8])
    sleeper = heap.sleeper(waiter, "synchronize_rcu")
    assert RCU.read(sleeper, heap.kernel) is None  # it is not the thread of this rcu_state
    heap.put(state + 600, gp)
    found = RCU.read(sleeper, heap.kernel)
    assert found
    assert found.object == state
    assert [(task.comm, why) for task, why in found.holders] == [
        ("spin", "runs on CPU 0, which has not passed a quiescent state")
    ]

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
    "rcu_node.blkd_tasks": 144,
    "rcu_node.gp_tasks": 160,
    "rcu_node.exp_tasks": 168,
    "task_struct.rcu_node_entry": 872,
    "rq.curr": 0,
}


@pytest.fixture
def heap() -> Heap:
    made = Heap(OFFSETS)
    for name, value in (("rcu_num_lvls", 1), ("rcu_num_nodes", 1)):
        at = made.new(8)
        made.put(at, value)
        made.variables[at] = name
    state = made.new(640)
    made.variables[state] = "rcu_state"
    made.put(state + 512, state)  # the root is the leaf
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


def test_a_kernel_that_does_not_show_rcu_state(heap: Heap) -> None:
    """Without CONFIG_KALLSYMS_ALL: the function on the stack alone says what it is."""
    heap.variables.clear()
    sleeper = heap.sleeper(heap.task(11, "waiter"), "synchronize_rcu")
    assert RCU.read(sleeper, heap.kernel) is None

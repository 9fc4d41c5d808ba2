"""ktrace.waits.kinds.rcu_tasks: who holds up a grace period of RCU tasks."""

from __future__ import annotations

import pytest

from ktrace.waits.found import Found
from ktrace.waits.kinds.rcu_tasks import KIND as RCU_TASKS
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit

LIST, HOLDOUT, TASKS, PARENT, TRACE_LIST = 400, 416, 424, 440, 448
CALLED = 0xFFFFFFFF81002000
OFFSETS: dict[str, int | None] = {
    "task_struct.rcu_tasks_holdout_list": LIST,
    "task_struct.rcu_tasks_holdout": HOLDOUT,
    "task_struct.trc_holdout_list": TRACE_LIST,
    "task_struct.tasks": TASKS,
    "task_struct.real_parent": PARENT,
}


class Guest:
    """A kernel thread that drives grace periods, two tasks, and one that waits for the end."""

    def __init__(self) -> None:
        heap = self.heap = Heap(OFFSETS)
        idle = heap.task(1, "swapper/0")
        heap.write(idle + heap.layout["task_struct.pid"], bytes(4))
        names = (
            "rcu_tasks_kthre",
            "first",
            "second",
            "waiter",
            "rcu_tasks_trace",
            "rcu_tasks_rude_",
        )
        self.tasks = [heap.task(10 + number, name) for number, name in enumerate(names)]
        heap.link(idle + TASKS, [task + TASKS for task in self.tasks])
        for task in (idle, *self.tasks):
            heap.put(task + PARENT, idle)

    def hold_up(self, *holdouts: int) -> None:
        """Those of these tasks are in the list whose head is on the thread's stack."""
        heap = self.heap
        head = heap.sp(self.tasks[0]) + 0x80
        nodes = [self.tasks[number] + LIST for number in holdouts]
        heap.link(head, nodes)
        heap.put(heap.sp(self.tasks[0]) + 0x40, self.tasks[1] + LIST)  # a word that only looks so
        for number in holdouts:
            heap.write(self.tasks[number] + HOLDOUT, b"\x01")

    def read(
        self, function: str = "synchronize_rcu_tasks_generic", calls: str = "call_rcu_tasks"
    ) -> Found | None:
        sleeper = self.heap.sleeper(self.tasks[3], "__wait_rcu_gp", function)
        self.heap.functions[CALLED] = calls
        self.heap.put(sleeper.sp + 0x60, CALLED)
        sleeper = self.heap.sleeper(self.tasks[3], "__wait_rcu_gp", function)
        return RCU_TASKS.read(sleeper, self.heap.kernel)


def test_the_tasks_that_have_not_slept() -> None:
    guest = Guest()
    guest.hold_up(1, 2)
    found = guest.read()
    assert found
    assert found.detail == "a grace period of RCU tasks, which waits for 2 tasks"
    assert [task.comm for task, _ in found.holders] == ["first", "second"]


def test_one_that_has_slept_meanwhile_is_still_in_the_list() -> None:
    guest = Guest()
    guest.hold_up(1, 2)
    guest.heap.write(guest.tasks[1] + HOLDOUT, b"\0")
    found = guest.read()
    assert found
    assert [task.comm for task, _ in found.holders] == ["second"]


def test_before_there_is_a_list_the_thread_itself_is_waited_for() -> None:
    """In a grace period of RCU, say."""
    found = Guest().read()
    assert found
    assert [(task.comm, why) for task, why in found.holders] == [
        ("rcu_tasks_kthre", "drives the grace period")
    ]


def test_a_reader_of_the_trace_flavour() -> None:
    guest = Guest()
    heap, driver = guest.heap, guest.tasks[4]
    head, node = heap.sp(driver) + 0x80, guest.tasks[1] + TRACE_LIST
    heap.link(head, [node])
    heap.put(heap.sp(driver) + 0x40, node)
    found = guest.read(calls="call_rcu_tasks_trace")
    assert found
    assert found.detail == "a grace period of RCU tasks trace, which waits for 1 task"
    assert [(task.comm, why) for task, why in found.holders] == [
        ("first", "is inside a read-side critical section of it")
    ]


def test_the_thread_of_the_rude_flavour_waits_for_each_cpu() -> None:
    found = Guest().read(calls="call_rcu_tasks_rude")
    assert found
    assert found.detail == "a grace period of RCU tasks rude"
    assert [task.comm for task, _ in found.holders] == ["rcu_tasks_rude_"]


def test_which_flavour_it_is_has_to_be_known() -> None:
    assert Guest().read(calls="call_rcu") is None


def test_other_waits_are_not_this_one() -> None:
    assert Guest().read("synchronize_rcu") is None

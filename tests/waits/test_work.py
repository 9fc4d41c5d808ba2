"""ktrace.waits.kinds.work: the worker that runs what is waited for."""

import pytest

from ktrace.waits.kinds.work import KIND as WORK
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit

OFFSETS: dict[str, int | None] = {
    "swait_queue.task": 0,
    "swait_queue.task_list": 8,
    "completion.wait.task_list": 16,
    "wq_barrier.work": 0,
    "wq_barrier.done": 32,
    "wq_barrier.task": 64,
    "wq_flusher.done": 24,
    "work_struct.data": 0,
    "work_struct.entry": 8,
    "work_struct.func": 24,
    "worker.current_work": 16,
    "worker.current_func": 24,
    "worker.current_pwq": 32,
    "worker.scheduled": 64,
    "worker.task": 80,
    "worker.node": 96,
    "worker_pool.workers": 0,
    "pool_workqueue.pool": 0,
    "pool_workqueue.wq": 8,
    "pool_workqueue.pwqs_node": 16,
    "workqueue_struct.pwqs": 0,
    "workqueue_struct.first_flusher": 16,
    "workqueue_struct.name": 32,
}
BARRIER, HOLDS, OTHER = (0xFFFFFFFF81000000 + 0x100 * i for i in range(3))


class Queue:
    """A workqueue "lab" with one pool and one worker, which runs hold_work()."""

    def __init__(self, heap: Heap) -> None:
        heap.functions |= {BARRIER: "wq_barrier_func", HOLDS: "hold_work", OTHER: "other_work"}
        self.heap = heap
        self.workqueue = heap.new(64)
        heap.write(self.workqueue + 32, b"lab\0")
        self.pool = heap.new(64)
        heap.new(64)
        self.queue = heap.new(512) + 255 & ~255  # its low bits are flags
        heap.put(self.queue, self.pool)
        heap.put(self.queue + 8, self.workqueue)
        heap.link(self.workqueue, [self.queue + 16])
        self.worker = heap.new(128)
        heap.put(self.worker + 80, heap.task(10, "kworker/0:1"))
        heap.put(self.worker + 16, heap.new(32))
        heap.put(self.worker + 24, HOLDS)
        heap.put(self.worker + 32, self.queue)
        heap.link(self.worker + 64, [])
        heap.link(self.pool, [self.worker + 96])


@pytest.fixture
def queue() -> Queue:
    return Queue(Heap(OFFSETS))


def waits_at(heap: Heap, completion: int, task: int) -> None:
    node = heap.sp(task) + 0x200
    heap.put(node, task)
    heap.link(completion + 16, [node + 8])


def flusher_of_work(queue: Queue) -> tuple[int, int]:
    """And its barrier, not yet in any list."""
    heap = queue.heap
    task = heap.task(11, "flusher")
    barrier = heap.sp(task) + 0x100
    heap.put(barrier, queue.queue | 0b1101)  # PENDING, PWQ, LINKED of work_bits
    heap.put(barrier + 24, BARRIER)
    heap.put(barrier + 64, task)
    waits_at(heap, barrier + 32, task)
    return task, barrier


def test_the_worker_that_runs_the_item(queue: Queue) -> None:
    task, barrier = flusher_of_work(queue)
    queue.heap.link(queue.worker + 64, [barrier + 8])
    found = WORK.read(queue.heap.sleeper(task), queue.heap.kernel)
    assert found
    assert found.detail == "hold_work of workqueue lab"
    assert [(t.tid, why) for t, why in found.holders] == [(10, "runs the work item hold_work")]


def test_an_item_that_has_not_begun(queue: Queue) -> None:
    """Behind it is another barrier; before it the same workqueue's worker runs another item."""
    task, barrier = flusher_of_work(queue)
    item, earlier, worklist = (queue.heap.new(64) for _ in range(3))
    queue.heap.put(item + 24, OTHER)
    queue.heap.put(earlier + 24, BARRIER)
    queue.heap.link(worklist, [item + 8, earlier + 8, barrier + 8])
    found = WORK.read(queue.heap.sleeper(task), queue.heap.kernel)
    assert found
    assert (found.object, found.detail) == (
        item,
        "other_work of workqueue lab, which has not begun",
    )
    assert [(t.tid, why) for t, why in found.holders] == [
        (10, "runs the work item hold_work of the same workqueue")
    ]


def test_all_of_a_workqueue(queue: Queue) -> None:
    heap = queue.heap
    task = heap.task(11, "flusher")
    flusher = heap.sp(task) + 0x100
    waits_at(heap, flusher + 24, task)
    heap.put(queue.workqueue + 16, flusher)
    heap.put(heap.sp(task) + 0x40, queue.workqueue)  # a saved register
    found = WORK.read(heap.sleeper(task), heap.kernel)
    assert found
    assert found.detail == "all items of workqueue lab"
    assert [t.tid for t, _ in found.holders] == [10]


def test_a_completion_of_something_else(queue: Queue) -> None:
    heap = queue.heap
    task = heap.task(11, "waiter")
    waits_at(heap, heap.new(64), task)
    assert WORK.read(heap.sleeper(task), heap.kernel) is None

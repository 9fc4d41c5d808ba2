"""Readers of an mmap_lock: threads of the process that are inside of a page fault."""

import pytest

from ktrace.waits.kinds.rwsem import KIND as RWSEM
from ktrace.waits.page_faults import is_inside
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit

OFFSETS: dict[str, int | None] = {
    "mm_struct.mmap_lock": 120,
    "mm_struct.owner": 900,
    "task_struct.mm": 2000,
    "task_struct.signal": 2008,
    "task_struct.thread_node": 2016,
    "signal_struct.thread_head": 16,
}


@pytest.mark.parametrize(
    ("functions", "inside"),
    [
        (("do_swap_page", "handle_mm_fault", "exc_page_fault"), True),
        (("__get_user_pages", "process_vm_rw"), True),
        (("pipe_write", "vfs_write"), False),
        # they have let go of it
        (("handle_userfault", "handle_mm_fault"), False),
        (("__folio_lock_or_retry", "do_swap_page", "handle_mm_fault"), False),
    ],
)
def test_where_a_thread_holds_it(functions: tuple[str, ...], inside: bool) -> None:
    assert is_inside(functions) is inside


@pytest.mark.parametrize("read_held", [True, False])
def test_the_threads_of_the_process_are_candidates(read_held: bool) -> None:
    heap = Heap(OFFSETS)
    threads = [heap.task(10 + i, f"thread-{i}", pid=10) for i in range(3)]
    mm, signal = heap.new(1024), heap.new(64)
    for task in threads:
        heap.put(task + 2000, mm)
        heap.put(task + 2008, signal)
    heap.link(signal + 16, [task + 2016 for task in threads])
    heap.put(mm + 900, threads[0])
    lock = mm + 120
    waiter = threads[2]
    node = heap.sp(waiter) + 0x100
    heap.put(node + 16, waiter)
    heap.link(lock + heap.layout["rw_semaphore.wait_list"], [node])
    heap.put(lock + heap.layout["rw_semaphore.owner"], threads[0] | read_held)
    found = RWSEM.read(heap.sleeper(waiter, "rwsem_down_write_slowpath"), heap.kernel)
    assert found
    assert found.detail == "mmap_lock of the mm of thread-0[10]"
    assert [task.tid for task, _ in found.likely] == [10, 11] * read_held

"""ktrace.waits.kinds: semaphores, rt_mutexes, percpu rwsems."""

import pytest

from ktrace.waits.kinds.percpu_rwsem import KIND as PERCPU
from ktrace.waits.kinds.rt_mutex import KIND as RT_MUTEX
from ktrace.waits.kinds.semaphore import KIND as SEMAPHORE
from tests.waits.heap import Heap
from tests.waits.test_lock_names import OFFSETS as INODE_OFFSETS
from tests.waits.test_lock_names import put_inode

pytestmark = pytest.mark.unit

SEMAPHORE_OFFSETS: dict[str, int | None] = {
    "semaphore_waiter.list": 0,
    "semaphore_waiter.task": 16,
    "semaphore.wait_list": 8,
}
WAKE = 0xFFFFFFFF81000000


@pytest.mark.parametrize("hint", [True, False])
def test_who_took_a_semaphore_last_is_a_hint(hint: bool) -> None:
    last: dict[str, int | None] = {"semaphore.last_holder": 24} if hint else {}
    heap = Heap(SEMAPHORE_OFFSETS | last)
    holder, waiter = heap.task(10, "holder"), heap.task(11, "waiter")
    lock = heap.lock("semaphore_waiter", 32, 8, [waiter])
    heap.put(lock + 24, holder)
    heap.variables[lock] = "console_sem"
    found = SEMAPHORE.read(heap.sleeper(waiter, "___down_common", "down"), heap.kernel)
    assert found
    assert (found.object, found.detail) == (lock, "console_sem")
    said = [(task.tid, why) for task, why in found.holders]
    assert said == [(10, "may hold the semaphore, which it took last")] * hint


RT_OFFSETS: dict[str, int | None] = {
    "task_struct.pi_blocked_on": 2064,
    "rt_mutex_waiter.task": 80,
    "rt_mutex_waiter.lock": 88,
    "rt_mutex_base.owner": 24,
}


@pytest.mark.parametrize("names_itself", [True, False])
def test_the_owner_of_an_rt_mutex(names_itself: bool) -> None:
    heap = Heap(RT_OFFSETS)
    holder, waiter = heap.task(10, "holder"), heap.task(11, "waiter")
    lock, node = heap.new(32), heap.sp(waiter) + 0x100
    heap.put(lock + 24, holder | 1)  # RT_MUTEX_HAS_WAITERS
    heap.put(node + 80, waiter if names_itself else holder)
    heap.put(node + 88, lock)
    heap.put(waiter + 2064, node)
    found = RT_MUTEX.read(heap.sleeper(waiter), heap.kernel)
    if not names_itself:
        assert found is None
        return
    assert found
    assert found.evidence == ("task_struct.pi_blocked_on", "rt_mutex_base.owner")
    assert [(task.tid, why) for task, why in found.holders] == [(10, "holds the rt_mutex")]


@pytest.mark.parametrize(
    ("start", "kind", "why"),
    [
        (160 + 8, "rwsem", "holds the rwsem for writing"),
        (48, "mutex", "holds the mutex"),
        (300, "rt-mutex", "holds the rt_mutex"),
    ],
)
def test_what_it_is_under_preempt_rt_the_structure_around_it_tells(
    start: int, kind: str, why: str
) -> None:
    """i_rwsem of an inode, f_pos_lock of a file, and another one in a structure that is neither."""
    made: dict[str, int | None] = {"mutex.rtmutex": 0, "rw_semaphore.rwbase.rtmutex": 8}
    heap = Heap(INODE_OFFSETS | RT_OFFSETS | made)
    holder, waiter = heap.task(10, "holder"), heap.task(11, "waiter")
    around, node = heap.new(512), heap.sp(waiter) + 0x100
    inode = around if kind == "rwsem" else heap.new(512)
    put_inode(heap, inode)
    heap.put(around + 32, inode)  # as a file has it
    lock = around + start
    heap.put(lock + 24, holder)
    heap.put(node + 80, waiter)
    heap.put(node + 88, lock)
    heap.put(waiter + 2064, node)
    found = RT_MUTEX.read(heap.sleeper(waiter), heap.kernel)
    assert found
    assert (found.kind, found.object) == (kind, lock - 8 * (kind == "rwsem"))
    assert [(task.tid, said) for task, said in found.holders] == [(10, why)]


PERCPU_OFFSETS: dict[str, int | None] = {
    "percpu_rw_semaphore.waiters.head": 72,
    "percpu_rw_semaphore.read_count": 48,
    "percpu_rw_semaphore.writer.task": 56,
}


@pytest.fixture
def heap() -> Heap:
    made = Heap(PERCPU_OFFSETS)
    made.functions[WAKE] = "percpu_rwsem_wake_function"
    return made


def queue(heap: Heap, semaphore: int, task: int) -> None:
    entry = heap.sp(task) + 0x100
    heap.put(entry + heap.layout["wait_queue_entry.private"], task)
    heap.put(entry + heap.layout["wait_queue_entry.func"], WAKE)
    heap.link(semaphore + 72, [entry + heap.layout["wait_queue_entry.entry"]])


def test_a_reader_behind_a_writer_that_waits_for_readers(heap: Heap) -> None:
    writer, reader = heap.task(10, "writer"), heap.task(11, "reader")
    semaphore = heap.new(96)
    queue(heap, semaphore, reader)
    heap.put(semaphore + 56, writer)
    found = PERCPU.read(heap.sleeper(reader), heap.kernel)
    assert found
    assert [task.tid for task, _ in found.holders] == [10]


def test_a_writer_that_holds_it_is_kept_nowhere(heap: Heap) -> None:
    reader = heap.task(11, "reader")
    semaphore = heap.new(96)
    queue(heap, semaphore, reader)
    found = PERCPU.read(heap.sleeper(reader), heap.kernel)
    assert found
    assert (found.object, found.holders) == (semaphore, ())


def test_a_writer_counts_its_readers(heap: Heap) -> None:
    """One CPU has counted two of them up, another has counted one down."""
    writer, semaphore = heap.task(10, "writer"), heap.new(96)
    heap.put(semaphore + 56, writer)
    heap.put(heap.sp(writer) + 0x40, semaphore)  # a saved register
    heap.put(heap.sp(writer) + 0x20, heap.sp(writer) + 0x100 - 56)  # leads to the stack itself
    heap.put(heap.sp(writer) + 0x100, writer)
    counts, offsets = heap.new(4096), heap.new(16)
    heap.variables[offsets] = "__per_cpu_offset"
    heap.kernel.cpus = 2
    heap.put(offsets, 0)
    heap.put(offsets + 8, 1024)
    heap.put(semaphore + 48, counts)
    heap.write(counts, (2).to_bytes(4, "little"))
    heap.write(counts + 1024, (-1).to_bytes(4, "little", signed=True))
    found = PERCPU.read(heap.sleeper(writer, "percpu_down_write"), heap.kernel)
    assert found
    assert (found.object, found.detail) == (semaphore, "held by 1 reader")

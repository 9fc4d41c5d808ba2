"""ktrace.waits.kinds: mutexes and rw_semaphores, from the waiter's stack to the owner."""

import pytest

from ktrace.kernel.layout import NotInThisKernel
from ktrace.waits.kinds.mutex import KIND as MUTEX
from ktrace.waits.kinds.rwsem import KIND as RWSEM
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit


@pytest.fixture
def heap() -> Heap:
    return Heap()


def mutex(heap: Heap, owner: int, waiters: list[int]) -> int:
    lock = heap.lock("mutex_waiter", 32, heap.layout["mutex.wait_list"], waiters)
    heap.put(lock + heap.layout["mutex.owner"], owner)
    return lock


def test_the_owner_of_a_mutex_is_its_holder(heap: Heap) -> None:
    holder, waiter = heap.task(10, "holder"), heap.task(11, "waiter")
    lock = mutex(heap, holder | 1, [waiter])  # MUTEX_FLAG_WAITERS
    found = MUTEX.read(heap.sleeper(waiter, "__mutex_lock", "pipe_write"), heap.kernel)
    assert found
    assert found.object == lock
    assert [task.comm for task, _ in found.holders] == ["holder"]
    assert found.detail == "mutex of a pipe"
    assert found.evidence == ("mutex_waiter on its stack", "mutex.owner")


def test_every_waiter_of_the_list_is_known_from_one(heap: Heap) -> None:
    holder = heap.task(10, "holder")
    waiters = [heap.task(11 + i, "waiter") for i in range(3)]
    mutex(heap, holder, waiters)
    found = MUTEX.read(heap.sleeper(waiters[1], "__mutex_lock"), heap.kernel)
    assert found
    assert set(found.waiters) == set(waiters)


def test_blocked_on_that_agrees_is_evidence_too(heap: Heap) -> None:
    holder, waiter = heap.task(10, "holder"), heap.task(11, "waiter")
    lock = mutex(heap, holder, [waiter])
    heap.put(waiter + heap.layout["task_struct.blocked_on"], lock)
    found = MUTEX.read(heap.sleeper(waiter, "__mutex_lock"), heap.kernel)
    assert found
    assert "task_struct.blocked_on" in found.evidence


def test_blocked_on_that_names_another_lock_leaves_the_holder_open(heap: Heap) -> None:
    """One of the two is old: whoever holds either is not named."""
    holder, waiter = heap.task(10, "holder"), heap.task(11, "waiter")
    mutex(heap, holder, [waiter])
    other = mutex(heap, holder, [])
    heap.put(waiter + heap.layout["task_struct.blocked_on"], other)
    found = MUTEX.read(heap.sleeper(waiter, "__mutex_lock"), heap.kernel)
    assert found
    assert found.holders == ()
    assert found.evidence == ("mutex_waiter on its stack", "but task_struct.blocked_on differs")


@pytest.mark.parametrize(("kind", "found"), [(0, True), (1, False), (3, False)])
def test_the_blocker_says_which_lock_and_of_which_type(kind: int, found: bool) -> None:
    """Where the stack tells nothing. include/linux/hung_task.h: 0 is a mutex, 1 a semaphore."""
    heap = Heap({"task_struct.blocker": 2080})
    holder, waiter = heap.task(10, "holder"), heap.task(11, "waiter")
    lock = mutex(heap, holder, [])
    heap.put(waiter + 2080, lock | kind)
    said = MUTEX.read(heap.sleeper(waiter, "__mutex_lock"), heap.kernel)
    assert (said is not None) is found
    if said:
        assert said.evidence == ("task_struct.blocker", "mutex.owner")
        assert [task.tid for task, _ in said.holders] == [10]


def test_proxy_waking_is_no_lock(heap: Heap) -> None:
    waiter = heap.task(11, "waiter")
    heap.put(waiter + heap.layout["task_struct.blocked_on"], (1 << 64) - 1)
    assert MUTEX.read(heap.sleeper(waiter, "__mutex_lock"), heap.kernel) is None


def test_a_word_that_an_earlier_call_left_is_no_waiter(heap: Heap) -> None:
    """It names the task, but its neighbours do not lead back to it."""
    holder, waiter = heap.task(10, "holder"), heap.task(11, "waiter")
    lock = mutex(heap, holder, [waiter])
    heap.link(lock + heap.layout["mutex.wait_list"], [])  # it was taken off the list
    assert MUTEX.read(heap.sleeper(waiter, "__mutex_lock"), heap.kernel) is None


def test_a_mutex_that_is_handed_over_has_no_holder(heap: Heap) -> None:
    waiter = heap.task(11, "waiter")
    mutex(heap, 0, [waiter])
    found = MUTEX.read(heap.sleeper(waiter, "__mutex_lock"), heap.kernel)
    assert found
    assert found.holders == ()


def test_an_owner_that_is_no_task_is_no_holder(heap: Heap) -> None:
    waiter = heap.task(11, "waiter")
    mutex(heap, heap.new(4096), [waiter])  # freed, and something else now
    found = MUTEX.read(heap.sleeper(waiter, "__mutex_lock"), heap.kernel)
    assert found
    assert found.holders == ()


def test_a_task_that_waits_for_no_mutex(heap: Heap) -> None:
    holder, waiter = heap.task(10, "holder"), heap.task(11, "waiter")
    mutex(heap, holder, [waiter])
    assert MUTEX.read(heap.sleeper(waiter, "folio_wait_bit_common"), heap.kernel) is None


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (0, "holds the rwsem for writing"),
        (1, "may hold the rwsem for reading"),  # RWSEM_READER_OWNED
    ],
)
def test_a_reader_of_a_rwsem_is_only_a_hint(heap: Heap, flags: int, why: str) -> None:
    owner, waiter = heap.task(10, "owner"), heap.task(11, "waiter")
    lock = heap.lock("rwsem_waiter", 40, heap.layout["rw_semaphore.wait_list"], [waiter])
    heap.put(lock + heap.layout["rw_semaphore.owner"], owner | flags)
    found = RWSEM.read(heap.sleeper(waiter, "rwsem_down_write_slowpath"), heap.kernel)
    assert found
    assert [said for _, said in found.holders] == [why]
    assert [task.tid for task, _ in found.holders] == [10]


def test_waiters_in_a_ring_without_a_head(heap: Heap) -> None:
    """As kernels have it whose mutex has first_waiter in place of wait_list (seen on 7.2)."""
    heap = Heap({"mutex.wait_list": None, "mutex.first_waiter": 16})
    holder = heap.task(10, "holder")
    waiters = [heap.task(11 + i, "waiter") for i in range(3)]
    lock = heap.lock("mutex_waiter", 32, 16, waiters)
    nodes = [heap.sp(task) + 0x100 for task in waiters]
    heap.link(nodes[0], nodes[1:])
    heap.put(lock + 16, nodes[0])
    heap.put(lock, holder)
    heap.put(heap.sp(waiters[2]) + 0x80, lock)  # a saved register
    found = MUTEX.read(heap.sleeper(waiters[2], "__mutex_lock"), heap.kernel)
    assert found
    assert found.object == lock
    assert [task.tid for task, _ in found.holders] == [10]
    assert set(found.waiters) == set(waiters)


def test_a_kernel_without_what_a_kind_reads(heap: Heap) -> None:
    """The reader goes on with the next kind: ktrace.sources.live.wait_reader."""
    heap = Heap({"mutex_waiter.task": None})
    waiter = heap.task(11, "waiter")
    with pytest.raises(NotInThisKernel, match=r"no mutex_waiter\.task"):
        MUTEX.read(heap.sleeper(waiter, "__mutex_lock"), heap.kernel)

"""Locks in the layouts of Debian's oldest and newest kernel, and of 32-bit ARM: from the waiter's
stack to the owner.

Between them mutexes, rwsems and semaphores lost the heads of their lists of waiters.
"""

import json
from pathlib import Path

import pytest

from ktrace.kernel.word_width import WIDTH_32, WIDTH_64
from ktrace.waits.kinds.mutex import KIND as MUTEX
from ktrace.waits.kinds.rt_mutex import KIND as RT_MUTEX
from ktrace.waits.kinds.rwsem import KIND as RWSEM
from ktrace.waits.kinds.semaphore import KIND as SEMAPHORE
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit

# offsets in bytes by kernel, of what these kinds read, from its BTF; null: it has no such member
LAYOUTS = json.loads((Path(__file__).parents[1] / "golden" / "lock-layouts.json").read_text())
OLD, ARM, NEW = sorted(LAYOUTS, key=lambda release: int(release.partition(".")[0]))


@pytest.fixture(params=[OLD, ARM, NEW])
def heap(request: pytest.FixtureRequest) -> Heap:
    width = WIDTH_32 if request.param == ARM else WIDTH_64
    return Heap(LAYOUTS[request.param], width)


def lock_with_waiters(heap: Heap, lock: str, waiter: str, tasks: list[int]) -> int:
    """A struct `lock` that these tasks wait for, each with a struct `waiter` on its stack."""
    layout = heap.layout
    at = heap.new(256)
    nodes = [heap.sp(task) + 0x100 + layout[f"{waiter}.list"] for task in tasks]
    for task, node in zip(tasks, nodes, strict=True):
        heap.put(node - layout[f"{waiter}.list"] + layout[f"{waiter}.task"], task)
        heap.put(heap.sp(task) + 0x80, at)  # a saved register
    head = layout.get(f"{lock}.wait_list")
    if head is not None:
        heap.link(at + head, nodes)
    else:
        heap.link(nodes[0], nodes[1:])
        heap.put(at + layout[f"{lock}.first_waiter"], nodes[0] - layout[f"{waiter}.list"])
    return at


def tids(found: object) -> list[int]:
    return [task.tid for task, _ in found.holders]  # type: ignore[attr-defined]


def test_a_mutex(heap: Heap) -> None:
    holder, waiters = heap.task(10, "holder"), [heap.task(11 + i, "waiter") for i in range(3)]
    lock = lock_with_waiters(heap, "mutex", "mutex_waiter", waiters)
    heap.put(lock + heap.layout["mutex.owner"], holder | 1)
    for waiter in waiters:
        found = MUTEX.read(heap.sleeper(waiter, "__mutex_lock"), heap.kernel)
        assert found
        assert (found.object, tids(found)) == (lock, [10])
        assert len(found.waiters) == 3


@pytest.mark.parametrize("reader", [0, 1])
def test_a_rwsem(heap: Heap, reader: int) -> None:
    holder, waiter = heap.task(10, "holder"), heap.task(11, "waiter")
    lock = lock_with_waiters(heap, "rw_semaphore", "rwsem_waiter", [waiter])
    heap.put(lock + heap.layout["rw_semaphore.owner"], holder | reader)
    found = RWSEM.read(heap.sleeper(waiter, "rwsem_down_write_slowpath"), heap.kernel)
    assert found
    assert (found.object, tids(found)) == (lock, [10])


def test_a_semaphore_has_a_hint_on_the_newest_only(heap: Heap) -> None:
    holder, waiter = heap.task(10, "holder"), heap.task(11, "waiter")
    lock = lock_with_waiters(heap, "semaphore", "semaphore_waiter", [waiter])
    hint = heap.layout.get("semaphore.last_holder")
    if hint is not None:
        heap.put(lock + hint, holder)
    found = SEMAPHORE.read(heap.sleeper(waiter, "__down_common"), heap.kernel)
    assert found
    assert (found.object, tids(found)) == (lock, [10] if hint is not None else [])


def test_an_rt_mutex(heap: Heap) -> None:
    layout = heap.layout
    holder, waiter, lock = heap.task(10, "holder"), heap.task(11, "waiter"), heap.new(64)
    owner = layout.get("rt_mutex_base.owner")
    heap.put(lock + (layout["rt_mutex.owner"] if owner is None else owner), holder | 1)
    at = heap.sp(waiter) + 0x100
    heap.put(at + layout["rt_mutex_waiter.task"], waiter)
    heap.put(at + layout["rt_mutex_waiter.lock"], lock)
    heap.put(waiter + layout["task_struct.pi_blocked_on"], at)
    found = RT_MUTEX.read(heap.sleeper(waiter), heap.kernel)
    assert found
    assert (found.object, tids(found)) == (lock, [10])


def test_which_members_these_kernels_have() -> None:
    """What the tests above rest on."""
    old, new = LAYOUTS[OLD], LAYOUTS[NEW]
    assert old["mutex.wait_list"] is not None
    assert old["mutex.first_waiter"] is None
    assert new["mutex.wait_list"] is None
    assert new["mutex.first_waiter"] is not None
    assert old["task_struct.blocker"] is None
    assert new["task_struct.blocker"] is not None

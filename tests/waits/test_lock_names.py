"""ktrace.waits.lock_names: locks by the structure that holds them."""

import pytest

from ktrace.waits.lock_names import lock_name
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit

OFFSETS: dict[str, int | None] = {
    "inode.i_rwsem": 160,
    "inode.i_data.i_mmap_rwsem": 400,
    "inode.i_sb": 40,
    "inode.i_ino": 64,
    "super_block.s_type": 8,
    "super_block.s_id": 64,
    "super_block.s_dev": 16,
    "super_block.s_umount": 128,
    "file_system_type.name": 0,
    "ext4_inode_info.i_data_sem": 32,
    "ext4_inode_info.vfs_inode": 128,
    "file.f_pos_lock": 48,
    "file.f_inode": 32,
    "signal_struct.cred_guard_mutex": 200,
    "signal_struct.thread_head": 16,
    "task_struct.thread_node": 2016,
    "task_struct.signal": 2008,
}


@pytest.fixture
def heap() -> Heap:
    return Heap(OFFSETS)


def super_block(heap: Heap) -> int:
    name, kind, found = heap.new(32), heap.new(8), heap.new(256)
    heap.write(name, b"ext4\0")
    heap.put(kind, name)
    heap.put(found + 8, kind)
    heap.write(found + 64, b"sda1\0")
    return found


def put_inode(heap: Heap, address: int) -> None:
    heap.put(address + 40, super_block(heap))
    heap.put(address + 64, 12)


def name(heap: Heap, kind: str, lock: int, *functions: str) -> str:
    return lock_name(heap.kernel, heap.sleeper(heap.task(11, "waiter"), *functions), kind, lock)


@pytest.mark.parametrize(
    ("start", "lock", "said"),
    [
        (0, 160, "i_rwsem of inode 12 of ext4 on sda1"),
        (0, 400, "i_mmap_rwsem of inode 12 of ext4 on sda1"),
        (128, 32, "i_data_sem of inode 12 of ext4 on sda1"),  # of the ext4_inode_info around it
    ],
)
def test_a_lock_of_an_inode(heap: Heap, start: int, lock: int, said: str) -> None:
    around = heap.new(1024)
    put_inode(heap, around + start)
    assert name(heap, "rwsem", around + lock) == said


def test_a_lock_of_a_super_block(heap: Heap) -> None:
    assert name(heap, "rwsem", super_block(heap) + 128) == "s_umount of ext4 on sda1"


def test_the_position_of_an_open_file(heap: Heap) -> None:
    file, inode = heap.new(128), heap.new(512)
    put_inode(heap, inode)
    heap.put(file + 32, inode)
    expected = "f_pos_lock of an open file, inode 12 of ext4 on sda1"
    assert name(heap, "mutex", file + 48) == expected


def test_a_lock_of_a_process(heap: Heap) -> None:
    signal, task = heap.new(512), heap.task(10, "app")
    heap.link(signal + 16, [task + 2016])
    heap.put(task + 2008, signal)
    assert name(heap, "mutex", signal + 200) == "cred_guard_mutex of app[10]"


def test_a_static_lock_goes_by_its_symbol(heap: Heap) -> None:
    lock = heap.new(32)
    heap.variables[lock] = "rtnl_mutex"
    assert name(heap, "mutex", lock, "pipe_write") == "rtnl_mutex"


def test_a_lock_that_the_function_alone_names(heap: Heap) -> None:
    lock = heap.new(1024) + 512
    assert name(heap, "mutex", lock, "__mutex_lock", "pipe_write") == "mutex of a pipe"
    assert name(heap, "mutex", lock, "__mutex_lock", "some_driver") == ""
    assert name(heap, "semaphore", lock) == ""

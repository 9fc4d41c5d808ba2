"""What a dying thread has still to let go of, found in memory made of bytes."""

from __future__ import annotations

import pytest

from ktrace.events import ExitLeft
from ktrace.waits.exit_left import exit_left
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit

OFFSETS: dict[str, int | None] = {
    "inode.i_sb": 8,
    "inode.i_ino": 16,
    "inode.i_count": 24,
    "inode.i_data.nrpages": 32,
    "super_block.s_type": 0,
    "super_block.s_dev": 8,
    "super_block.s_id": 16,
    "file_system_type.name": 0,
    "callback_head.next": 0,
    "callback_head.func": 8,
    "files_struct.fdt": 32,
    "fdtable.max_fds": 0,
    "fdtable.fd": 8,
}
TEXT = 0xFFFFFFFF81000000
STACK = 16 << 10


class Dying:
    """A thread whose outermost frames are those of do_exit() and of what it calls."""

    def __init__(self, function: str) -> None:
        heap = self.heap = Heap(OFFSETS)
        self.task = heap.task(11, "dies")
        heap.functions |= {TEXT: function, TEXT + 8: "do_exit", TEXT + 16: "____fput"}
        stack = heap.kernel.member(self.task, "task_struct.stack")
        assert stack
        self.top = stack + STACK - 2048
        heap.write(self.top, bytes(2048))
        heap.put(self.top + 1024, TEXT)
        heap.put(self.top + 1536, TEXT + 8)

    def has(self, at: int, word: int) -> None:
        self.heap.put(self.top + at, word)

    def left(self) -> tuple[ExitLeft, ...]:
        return exit_left(self.heap.kernel, self.task)

    def works(self, number: int) -> list[int]:
        """A list of files to release."""
        found = [self.heap.new(64) for _ in range(number)]
        for work, following in zip(found, [*found[1:], 0], strict=True):
            self.heap.put(work, following)
            self.heap.put(work + 8, TEXT + 16)
        return found

    def inode(self, count: int, pages: int) -> int:
        heap = self.heap
        inode, super_block, kind, name = (heap.new(128) for _ in range(4))
        heap.put(inode + 8, super_block)
        heap.put(inode + 16, 77)
        heap.put(inode + 24, count)
        heap.put(inode + 32, pages)
        heap.put(super_block, kind)
        heap.put(kind, name)
        heap.write(name, b"ext4\0")
        heap.write(super_block + 16, b"sda1\0")
        return inode


def table(dying: Dying, size: int, in_use: int) -> int:
    """A files_struct."""
    files, fdt, array = (dying.heap.new(8 * size) for _ in range(3))
    dying.heap.put(files + 32, fdt)
    dying.heap.put(fdt, size)
    dying.heap.put(fdt + 8, array)
    for number in range(in_use):
        dying.heap.put(array + 8 * (size - 1 - number), 0xFFFF888100000000)
    return files


def test_descriptors_that_are_not_closed_yet() -> None:
    dying = Dying("put_files_struct")
    dying.has(512, table(dying, 256, 40))
    assert dying.left() == (ExitLeft("descriptors", 40),)


def test_a_table_counts_only_while_it_is_closed() -> None:
    dying = Dying("task_work_run")
    dying.has(512, table(dying, 256, 40))
    assert dying.left() == ()


def test_files_that_are_not_released_yet() -> None:
    """A pointer of before leads to more than are left."""
    dying = Dying("task_work_run")
    works = dying.works(9)
    dying.has(256, works[2])
    dying.has(512, works[5])
    assert dying.left() == (ExitLeft("files", 4),)


def test_a_count_that_the_thread_overtook(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has freed what the count was at: what stands there then leads elsewhere."""
    dying = Dying("task_work_run")
    works = dying.works(9)
    dying.has(256, works[2])
    kernel, read = dying.heap.kernel, dying.heap.read
    freed = kernel.layout["callback_head.next"] + works[5]

    def runs_on(address: int, size: int) -> bytes | None:
        if address == freed:
            dying.heap.put(freed, 0)
            dying.has(256, works[7])
        return read(address, size)

    monkeypatch.setattr(dying.heap, "read", runs_on)
    assert dying.left() == ()
    assert dying.left() == (ExitLeft("files", 2),)


def test_a_list_that_cannot_be_read_to_its_end() -> None:
    dying = Dying("task_work_run")
    works = dying.works(9)
    dying.has(256, works[2])
    dying.heap.put(works[5], 0xFFFF88FF00000000)
    assert dying.left() == ()


def test_pages_of_a_file_that_nobody_has() -> None:
    dying = Dying("task_work_run")
    dying.has(256, dying.inode(count=1, pages=500))
    assert dying.left() == ()
    dying.has(256, dying.inode(count=0, pages=500))
    assert dying.left() == (ExitLeft("pages", 500, "inode 77 of ext4 on sda1"),)


def test_a_stack_that_cannot_be_read() -> None:
    heap = Heap(OFFSETS)
    task = heap.task(11, "dies")
    heap.put(task + heap.layout["task_struct.stack"], 0xFFFFC9FF00000000)
    assert exit_left(heap.kernel, task) == ()

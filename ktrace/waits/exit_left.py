"""What a dying thread has still to let go of, beyond its memory: descriptors, files, pages.

Read from the outermost frames of its stack, those of do_exit() and what it calls, which stay where
they are while it runs. kernel/exit.c, fs/file.c, kernel/task_work.c, fs/inode.c
"""

import struct

from ktrace.events import ExitLeft
from ktrace.waits.kernel import Kernel

WANTS = (
    "inode.i_count",
    "inode.i_data.nrpages",
    "callback_head.next",
    "callback_head.func",
    "files_struct.fdt",
    "fdtable.max_fds",
    "fdtable.fd",
)
_STACK_SIZES = (16 << 10, 32 << 10)  # THREAD_SIZE; the second with KASAN
_OUTERMOST = 2048  # bytes
_CLOSES = frozenset({"exit_files", "put_files_struct", "close_files"})
_RELEASES = "task_work_run"
_RELEASE = "____fput"
_MOST_FILES = 10_000
_MOST_DESCRIPTORS = 1 << 20


def exit_left(kernel: Kernel, task: int) -> tuple[ExitLeft, ...]:
    """Of the task_struct of a thread in do_exit(); none where nothing of that is found."""
    words = _outermost(kernel, task)
    pointers = sorted({word for word in words if word >> 47 and not word % 8})
    functions = {kernel.symbol(word) for word in words if word >> 47}
    found = []
    if functions & _CLOSES:
        found.append(_descriptors(kernel, pointers))
    if _RELEASES in functions:
        found.append(_files(kernel, pointers))
    found.append(_pages(kernel, pointers))
    return tuple(left for left in found if left)


def _outermost(kernel: Kernel, task: int) -> tuple[int, ...]:
    stack = kernel.member(task, "task_struct.stack")
    if not stack:
        return ()
    small, large = _STACK_SIZES
    size = large if kernel.pointer(stack + small) is not None else small  # a guard page follows
    data = kernel.memory.read(stack + size - _OUTERMOST, _OUTERMOST) or b""
    return struct.unpack(f"={len(data) // 8}Q", data)


def _descriptors(kernel: Kernel, pointers: list[int]) -> ExitLeft | None:
    """close_files() takes each from the table; the task has lost its files_struct by then."""
    for _, table in kernel.members(pointers, kernel.layout["files_struct.fdt"]):
        size = kernel.number(table, "fdtable.max_fds") if _is_pointer(table) else None
        array = kernel.member(table, "fdtable.fd") if size else None
        if not size or not array or not _is_pointer(array):
            continue
        if size % 64 or not 0 < size <= _MOST_DESCRIPTORS:
            continue
        data = kernel.memory.read(array, 8 * size)
        if data:
            number = sum(map(bool, struct.unpack(f"={size}Q", data)))
            return ExitLeft("descriptors", number)
    return None


def _files(kernel: Kernel, pointers: list[int]) -> ExitLeft | None:
    """task_work_run() goes through a list of them; a pointer of before leads to more than are left.
    None where there are too many to count."""
    calls = kernel.members(pointers, kernel.layout["callback_head.func"])
    heads = [head for head, function in calls if kernel.symbol(function) == _RELEASE]
    numbers = [number for head in heads if (number := _length(kernel, head))]
    return ExitLeft("files", min(numbers)) if numbers else None


def _length(kernel: Kernel, head: int) -> int | None:
    at: int | None = head
    for number in range(_MOST_FILES):
        if not at:
            return number
        at = kernel.member(at, "callback_head.next")
    return None


def _pages(kernel: Kernel, pointers: list[int]) -> ExitLeft | None:
    """Of an inode that nobody has any more, and that evict() frees."""
    for inode, super_block in kernel.members(pointers, kernel.layout["inode.i_sb"]):
        if not _is_pointer(super_block) or kernel.number(inode, "inode.i_count") != 0:
            continue
        name = kernel.inode(inode)
        pages = kernel.member(inode, "inode.i_data.nrpages")
        if name and pages and not pages >> 40:
            return ExitLeft("pages", pages, name)
    return None


def _is_pointer(word: int) -> bool:
    return bool(word >> 47) and not word % 8

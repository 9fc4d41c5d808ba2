"""What a dying thread has still to let go of, beyond its memory: descriptors, files, pages.

Read from the outermost frames of its stack, those of do_exit() and what it calls, which stay where
they are while it runs. kernel/exit.c, fs/file.c, kernel/task_work.c, fs/inode.c
"""

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
_OUTERMOST = 2048  # bytes
_CLOSES = frozenset({"exit_files", "put_files_struct", "close_files"})
_RELEASES = "task_work_run"
_RELEASE = "____fput"
_MOST_FILES = 10_000
_MOST_DESCRIPTORS = 1 << 20


def exit_left(kernel: Kernel, task: int) -> tuple[ExitLeft, ...]:
    """Of the task_struct of a thread in do_exit(); none where nothing of that is found."""
    words = _outermost(kernel, task)
    pointers = _addresses(kernel, words)
    functions = {kernel.symbol(word) for word in words if word & kernel.width.mask}
    found = []
    if functions & _CLOSES:
        found.append(_descriptors(kernel, pointers))
    if _RELEASES in functions:
        found.append(_files(kernel, task, pointers))
    found.append(_pages(kernel, pointers))
    return tuple(left for left in found if left)


def _outermost(kernel: Kernel, task: int) -> tuple[int, ...]:
    stack = kernel.member(task, "task_struct.stack")
    if not stack:
        return ()
    small, large = kernel.width.stack_sizes[0], kernel.width.stack_size
    # a guard page follows the smaller one
    larger = large > small and kernel.pointer(stack + small) is not None
    size = large if larger else small
    data = kernel.memory.read(stack + size - _OUTERMOST, _OUTERMOST) or b""
    return kernel.width.unpack(data)


def _addresses(kernel: Kernel, words: tuple[int, ...]) -> list[int]:
    return sorted(set(filter(kernel.width.is_address, words)))


def _descriptors(kernel: Kernel, pointers: list[int]) -> ExitLeft | None:
    """close_files() takes each from the table; the task has lost its files_struct by then."""
    for _, table in kernel.members(pointers, kernel.layout["files_struct.fdt"]):
        size = kernel.number(table, "fdtable.max_fds") if kernel.width.is_address(table) else None
        array = kernel.member(table, "fdtable.fd") if size else None
        if not size or not array or not kernel.width.is_address(array):
            continue
        if size % (8 * kernel.width.word) or not 0 < size <= _MOST_DESCRIPTORS:
            continue
        data = kernel.memory.read(array, kernel.width.word * size)
        if data:
            number = sum(map(bool, kernel.width.unpack(data)))
            return ExitLeft("descriptors", number)
    return None


def _files(kernel: Kernel, task: int, pointers: list[int]) -> ExitLeft | None:
    """task_work_run() goes through a list of them, and frees each. Counted twice: a count that it
    overtook did not end at the last file. None where there are too many to count."""
    before = _to_the_last(kernel, pointers)
    after = _to_the_last(kernel, _addresses(kernel, _outermost(kernel, task)))
    numbers = [number for last, number in after.items() if last in before]
    return ExitLeft("files", max(numbers)) if numbers else None


def _to_the_last(kernel: Kernel, pointers: list[int]) -> dict[int, int]:
    """The last file of each list that the stack leads to -> how many there are up to it: the
    fewest, as a pointer of before leads to more than are left."""
    calls = kernel.members(pointers, kernel.layout["callback_head.func"])
    heads = [head for head, function in calls if kernel.symbol(function) == _RELEASE]
    found: dict[int, int] = {}
    for last, number in filter(None, (_walk(kernel, head) for head in heads)):
        found[last] = min(number, found.get(last, number))
    return found


def _walk(kernel: Kernel, head: int) -> tuple[int, int] | None:
    """The last of a list, and how many there are; None where the list does not end."""
    at = head
    for number in range(1, _MOST_FILES + 1):
        following = kernel.member(at, "callback_head.next")
        if not following:
            return (at, number) if following == 0 else None
        at = following
    return None


def _pages(kernel: Kernel, pointers: list[int]) -> ExitLeft | None:
    """Of an inode that nobody has any more, and that evict() frees."""
    for inode, super_block in kernel.members(pointers, kernel.layout["inode.i_sb"]):
        if not kernel.width.is_address(super_block) or kernel.number(inode, "inode.i_count") != 0:
            continue
        name = kernel.inode(inode)
        pages = kernel.member(inode, "inode.i_data.nrpages")
        if name and pages and not pages >> 40:
            return ExitLeft("pages", pages, name)
    return None

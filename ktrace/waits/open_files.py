"""Who has a file open: the kernel's own descriptor tables, include/linux/fdtable.h.

Read from memory: readlink() of /proc/PID/fd takes locks of the task that is looked at.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ktrace.record import record
from ktrace.waits.lists import members

if TYPE_CHECKING:
    from ktrace.waits.kernel import Kernel, KernelTask

WANTS = (
    "task_struct.files",
    "task_struct.tasks",
    "task_struct.group_leader",
    "task_struct.signal",
    "task_struct.thread_node",
    "signal_struct.thread_head",
    "files_struct.fdt",
    "fdtable.max_fds",
    "fdtable.fd",
    "file.private_data",
    "file.f_mode",
)
_MOST_PROCESSES = 20_000
_MOST_THREADS = 1000  # of a process whose leader has exited
_MOST_DESCRIPTORS = 4096  # of one process: the lowest
_MOST_SLOTS = 400_000  # in one search: 0.1 s of CPU
_LOOKS_KEPT = 10  # a search that found what it sought is not made again so soon
_PIECE = 32  # pointers in one read: 256 bytes at most


@record
class OpenFile:
    """A descriptor."""

    task: "KernelTask"  # a thread of the process, as a rule the leader
    number: int
    slot: int  # where the pointer to the file lies
    file: int  # address of the struct file

    def mode(self, kernel: "Kernel") -> int:
        """FMODE_READ 1, FMODE_WRITE 2 of include/linux/fs.h."""
        data = kernel.memory.read(self.file + kernel.layout["file.f_mode"], 4)
        return struct.unpack("=I", data)[0] if data else 0


@record
class Opened:
    """files: every descriptor of a file. whole: all tables of the machine were read, so that a
    process that is not here has none."""

    files: tuple[OpenFile, ...]
    whole: bool
    look: int

    @property
    def tasks(self) -> "list[KernelTask]":
        """Each process once."""
        return list({file.task.pid: file.task for file in self.files}.values())


def opened(kernel: "Kernel", near: int, private: Sequence[int]) -> Opened:
    """Descriptors of files whose private_data is one of these. near: any task_struct.

    What was found is kept for some looks, as long as it is still so.
    """
    key = tuple(sorted(private))
    known = kernel.opened.get(key)
    if known and key in kernel.checked:
        return known
    if not known or kernel.looks - known.look >= _LOOKS_KEPT or not _still(known, kernel):
        known = _search(kernel, near, frozenset(key))
    kernel.opened[key] = known
    kernel.checked.add(key)
    return known


def _still(known: Opened, kernel: "Kernel") -> bool:
    slots = kernel.memory.read_all([(file.slot, kernel.width.word) for file in known.files])
    return all(
        data == kernel.width.pack(file.file) for file, data in zip(known.files, slots, strict=True)
    )


def _search(kernel: "Kernel", near: int, private: frozenset[int]) -> Opened:
    tasks, whole = _processes(kernel, near)
    found: list[OpenFile] = []
    left = _MOST_SLOTS
    for task, table, size in _tables(kernel, tasks):
        whole = whole and size <= min(_MOST_DESCRIPTORS, left)
        for slot, file in _files(kernel, table, min(size, _MOST_DESCRIPTORS, left), private):
            named = kernel.task(task)
            if named:
                found.append(OpenFile(named, (slot - table) // kernel.width.word, slot, file))
        left -= min(size, left)
    return Opened(tuple(found), whole, kernel.looks)


def _processes(kernel: "Kernel", near: int) -> tuple[list[int], bool]:
    """One task of each that has descriptors, and whether these are all."""
    layout = kernel.layout
    leader = kernel.member(near, "task_struct.group_leader")
    if not leader:
        return [], False
    ring = layout["task_struct.tasks"]
    found, whole = members(kernel, leader + ring, _MOST_PROCESSES)
    leaders = [leader, *(node - ring for node in found)]
    files = _pointers(kernel, leaders, "task_struct.files")
    tasks = []
    for task, table in zip(leaders, files, strict=True):
        tasks += [task] if table else _threads_with_files(kernel, task)
    return tasks, whole


def _threads_with_files(kernel: "Kernel", leader: int) -> list[int]:
    """Of a process whose leader has exited, one thread that has not."""
    threads = threads_of(kernel, leader)
    files = _pointers(kernel, threads, "task_struct.files")
    return [task for task, table in zip(threads, files, strict=True) if table][:1]


def threads_of(kernel: "Kernel", task: int) -> list[int]:
    """task_structs of its thread group."""
    signal = kernel.member(task, "task_struct.signal")
    if not signal:
        return []
    head = signal + kernel.layout["signal_struct.thread_head"]
    nodes, _ = members(kernel, head, _MOST_THREADS)
    return [node - kernel.layout["task_struct.thread_node"] for node in nodes]


def _tables(kernel: "Kernel", tasks: list[int]) -> Iterator[tuple[int, int, int]]:
    """task, its array of files, how many it has room for"""
    layout = kernel.layout
    files = _pointers(kernel, tasks, "task_struct.files")
    tables = _pointers(kernel, files, "files_struct.fdt")
    arrays = _pointers(kernel, tables, "fdtable.fd")
    sizes = kernel.memory.read_all([(at + layout["fdtable.max_fds"], 4) for at in tables])
    seen = set()  # kernel threads share one
    for task, array, size in zip(tasks, arrays, sizes, strict=True):
        if array and size and array not in seen:
            seen.add(array)
            yield task, array, struct.unpack("=I", size)[0]


def _files(
    kernel: "Kernel", table: int, size: int, private: frozenset[int]
) -> Iterator[tuple[int, int]]:
    """Slot and address of each file with such private data."""
    each = kernel.width.word
    pieces = [(table + each * at, each * min(_PIECE, size - at)) for at in range(0, size, _PIECE)]
    slots: dict[int, int] = {}
    for (start, _), data in zip(pieces, kernel.memory.read_all(pieces), strict=True):
        words = kernel.width.unpack(data) if data else ()
        slots.update((start + each * at, word) for at, word in enumerate(words) if word)
    owners = _pointers(kernel, [*slots.values()], "file.private_data")
    for (slot, file), owner in zip(slots.items(), owners, strict=True):
        if owner in private:
            yield slot, file


def _pointers(kernel: "Kernel", structs: list[int], path: str) -> list[int]:
    """That member of each; 0 where it cannot be read."""
    offset = kernel.layout[path]
    found = kernel.memory.read_all([(at + offset, kernel.width.word) for at in structs])
    return [int.from_bytes(data, "little") if data else 0 for data in found]

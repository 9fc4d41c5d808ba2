"""Descriptor tables, searched for who has a file open."""

import pytest

from ktrace.waits.open_files import opened
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit

OFFSETS: dict[str, int | None] = {
    "task_struct.files": 1824,
    "task_struct.tasks": 1056,
    "task_struct.group_leader": 1328,
    "task_struct.signal": 1848,
    "task_struct.thread_node": 1440,
    "signal_struct.thread_head": 16,
    "files_struct.fdt": 32,
    "fdtable.max_fds": 0,
    "fdtable.fd": 8,
    "file.private_data": 24,
    "file.f_mode": 4,
}
ROOM = 64


class Machine:
    """Processes in the list of all, each with a descriptor table."""

    def __init__(self) -> None:
        self.heap = Heap(OFFSETS)
        self.tasks: list[int] = []

    def process(self, tid: int, comm: str, files: dict[int, int], room: int = ROOM) -> int:
        """files: number -> struct file."""
        heap = self.heap
        task = self._task(tid, comm, tid)
        table, fdt, array = heap.new(64), heap.new(64), heap.new(8 * ROOM)
        heap.put(task + 1824, table)
        heap.put(table + 32, fdt)
        heap.write(fdt, room.to_bytes(4, "little"))
        heap.put(fdt + 8, array)
        for number, file in files.items():
            heap.put(array + 8 * number, file)
        heap.put(task + 1328, task)
        self.tasks.append(task)
        heap.link(self.tasks[0] + 1056, [task + 1056 for task in self.tasks[1:]])
        return task

    def _task(self, tid: int, comm: str, pid: int) -> int:
        task = self.heap.task(tid, comm, pid)
        signal = self.heap.new(64)
        self.heap.put(task + 1848, signal)
        self.heap.link(signal + 16, [task + 1440])
        return task

    def file(self, private: int) -> int:
        at = self.heap.new(64)
        self.heap.put(at + 24, private)
        return at

    def slot(self, task: int, number: int) -> int:
        heap = self.heap
        table = heap.kernel.pointer(task + 1824) or 0
        fdt = heap.kernel.pointer(table + 32) or 0
        return (heap.kernel.pointer(fdt + 8) or 0) + 8 * number


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_every_process_that_has_it_open(machine: Machine) -> None:
    file, other = machine.file(0xABC0), machine.file(0xDEF0)
    waiter = machine.process(10, "waiter", {0: other})
    machine.process(11, "server", {0: other, 40: file})
    machine.process(12, "child", {3: file})
    found = opened(machine.heap.kernel, waiter, [0xABC0])
    assert [(file.task.comm, file.number) for file in found.files] == [("server", 40), ("child", 3)]
    assert found.whole


def test_a_table_that_is_larger_than_what_is_read_leaves_the_answer_open(machine: Machine) -> None:
    waiter = machine.process(10, "waiter", {}, room=1 << 20)
    found = opened(machine.heap.kernel, waiter, [0xABC0])
    assert found.files == ()
    assert not found.whole


def test_what_was_found_holds_until_it_is_closed(machine: Machine) -> None:
    kernel = machine.heap.kernel
    waiter = machine.process(10, "waiter", {})
    server = machine.process(11, "server", {5: machine.file(0xABC0)})
    first = opened(kernel, waiter, [0xABC0])
    kernel.forget()
    assert opened(kernel, waiter, [0xABC0]) is first
    machine.heap.put(machine.slot(server, 5), 0)
    kernel.forget()
    assert opened(kernel, waiter, [0xABC0]).files == ()


def test_a_thread_speaks_for_its_leader_that_has_exited(machine: Machine) -> None:
    waiter = machine.process(10, "waiter", {})
    leader = machine.process(11, "leader", {5: machine.file(0xABC0)})
    heap = machine.heap
    thread = heap.task(13, "thread", 11)
    table = heap.kernel.pointer(leader + 1824) or 0
    heap.put(thread + 1824, table)
    heap.put(leader + 1824, 0)
    signal = heap.kernel.pointer(leader + 1848) or 0
    heap.link(signal + 16, [leader + 1440, thread + 1440])
    (found,) = opened(heap.kernel, waiter, [0xABC0]).files
    assert (found.task.pid, found.task.tid) == (11, 13)

"""A kernel's memory made of bytes: tasks, their stacks, locks, lists."""

import struct
from collections.abc import Sequence

from ktrace.kernel.layout import Layout
from ktrace.kernel.word_width import WIDTH_64, Width
from ktrace.waits.kernel import SAVED_SP, Kernel
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.table import WANTS

# as BTF of Linux 6.18 on x86-64 has them; what a test needs and is not here it adds
OFFSETS = {
    "task_struct.stack": 32,
    "task_struct.pid": 1264,
    "task_struct.tgid": 1268,
    "task_struct.comm": 1752,
    "task_struct.thread.sp": 3112,
    "task_struct.blocked_on": 2072,
    "list_head.next": 0,
    "list_head.prev": 8,
    "mutex_waiter.list": 0,
    "mutex_waiter.task": 16,
    "mutex.owner": 0,
    "mutex.wait_list": 16,
    "rwsem_waiter.list": 0,
    "rwsem_waiter.task": 16,
    "rw_semaphore.owner": 8,
    "rw_semaphore.wait_list": 24,
    "wait_queue_entry.private": 8,
    "wait_queue_entry.func": 16,
    "wait_queue_entry.entry": 24,
    "wait_queue_head.head": 8,
}
# where memory and stacks begin, by the bytes of a word
_PLACES = {8: (0xFFFF888100000000, 0xFFFFC90000000000), 4: (0xC1000000, 0xF0800000)}
_TASK = 8 << 10  # of a task_struct: what is read lies before it


class Heap:
    """Memory by address; what was never written cannot be read."""

    def __init__(
        self, offsets: dict[str, int | None] | None = None, width: Width = WIDTH_64
    ) -> None:
        self._bytes: dict[int, int] = {}
        self._next, self._stacks = _PLACES[width.word]
        self._stack_size = width.stack_sizes[0]
        self._tasks = 0
        known = dict.fromkeys(WANTS) | (OFFSETS if width.word == 8 else {}) | (offsets or {})
        self.layout = Layout(known, width)
        self._saved_sp = next(path for path in SAVED_SP if self.layout.has(path))
        self.functions: dict[int, str] = {}
        self.variables: dict[int, str] = {}
        self.kernel = Kernel(
            memory=self,
            layout=self.layout,
            symbol=lambda address: self.functions.get(address, ""),
            data_symbol=lambda address: self.variables.get(address, ""),
            variable=lambda name: next((a for a, n in self.variables.items() if n == name), None),
            enums={},
            file_systems=frozenset({"ext4"}),
            mounts={},
        )

    def read(self, address: int, size: int) -> bytes | None:
        try:
            return bytes(self._bytes[at] for at in range(address, address + size))
        except KeyError:
            return None

    def read_all(self, wanted: Sequence[tuple[int, int]]) -> list[bytes | None]:
        return [self.read(address, size) for address, size in wanted]

    def write(self, address: int, data: bytes) -> None:
        self._bytes |= dict(enumerate(data, address))

    def put(self, address: int, word: int) -> None:
        self.write(address, self.layout.width.pack(word))

    def new(self, size: int) -> int:
        """Zeroed memory, as kmalloc() gives it."""
        at, self._next = self._next, self._next + (size + 63) // 64 * 64
        self.write(at, bytes(size))
        return at

    def task(self, tid: int, comm: str, pid: int | None = None) -> int:
        """A task_struct with an empty stack."""
        at = self.new(_TASK)
        self._tasks += 1
        self.write(at + self.layout["task_struct.pid"], struct.pack("=i", tid))
        self.write(at + self.layout["task_struct.tgid"], struct.pack("=i", pid or tid))
        self.write(at + self.layout["task_struct.comm"], comm.encode().ljust(16, b"\0"))
        stack = self._stacks + self._tasks * self._stack_size
        self.put(at + self.layout["task_struct.stack"], stack)
        sp = stack + self._stack_size - 1024
        self.write(sp, bytes(1024))
        self.put(at + self.layout[self._saved_sp], sp)
        return at

    def sp(self, task: int) -> int:
        found = self.kernel.saved_sp(task)
        assert found is not None
        return found

    def link(self, head: int, nodes: Sequence[int]) -> None:
        """A circular list."""
        ring = [head, *nodes]
        for at, after in zip(ring, [*ring[1:], head], strict=True):
            self.put(at, after)
            self.put(after + self.layout["list_head.prev"], at)

    def lock(self, waiter: str, size: int, wait_list: int, tasks: Sequence[int]) -> int:
        """A lock that these tasks wait for, each with a waiter on its stack."""
        lock = self.new(size)
        nodes = [self.sp(task) + 0x100 for task in tasks]
        for task, node in zip(tasks, nodes, strict=True):
            self.put(node + self.layout[f"{waiter}.task"], task)
        self.link(lock + wait_list, nodes)
        return lock

    def sleeper(self, task: int, *functions: str) -> Sleeper:
        sp = self.sp(task)
        found = self.kernel.task(task)
        stack = self.read(sp, 1024)
        assert found
        assert stack
        return Sleeper(
            task, found.pid, found.tid, found.comm, functions, sp, stack, self.layout.width
        )

"""The kernel as kinds of waits look at it: memory, layouts, symbols, tasks, file systems."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ktrace.events import Task
from ktrace.kernel.layout import Layout
from ktrace.kernel.word_width import Width
from ktrace.probes.bio_submitters import BioMembers
from ktrace.probes.kernel_memory import Memory, text
from ktrace.record import record
from ktrace.waits.open_files import WANTS as OPEN_FILES
from ktrace.waits.open_files import Opened

if TYPE_CHECKING:
    from ktrace.waits.bio_progress import Places
    from ktrace.waits.block_devices import BlockDevice

_SWITCHES = ("task_struct.nvcsw", "task_struct.nivcsw")  # voluntary and not
_SP_ON_STACK = "thread_info.cpu_context.sp"
SAVED_SP = (
    "task_struct.thread.sp",  # x86
    "task_struct.thread.cpu_context.sp",  # arm64
    f"task_struct.{_SP_ON_STACK}",  # arm with CONFIG_THREAD_INFO_IN_TASK
    _SP_ON_STACK,  # arm without: at the stack's lowest address
)

# of task_struct and what hangs from it: what task() reads
WANTS = (
    "task_struct.stack",
    "task_struct.pid",
    "task_struct.tgid",
    "task_struct.comm",
    *_SWITCHES,
    *SAVED_SP,
    "list_head.next",
    "list_head.prev",
    "super_block.s_id",
    "super_block.s_type",
    "super_block.s_dev",
    "file_system_type.name",
    "inode.i_sb",
    "inode.i_ino",
    *OPEN_FILES,
)
_COMM = 16
_MOST_SEARCHES = 64  # for open files, whose results are kept


@record
class KernelTask:
    """A task found by its address."""

    address: int
    pid: int
    tid: int
    comm: str
    stack: int  # its lowest address
    stack_size: int  # the largest that it can be

    def has_on_stack(self, address: int) -> bool:
        return self.stack <= address < self.stack + self.stack_size


@record
class FileSystem:
    """A mounted super block. mount: where, as far as it was known when tracing began."""

    address: int
    name: str  # super_block.s_id: of block devices, the device
    kind: str  # "ext4"
    mount: str

    @property
    def text(self) -> str:
        """ "ext4 on sda1 (/data)"."""
        return f"{self.kind} on {self.name}" + (f" ({self.mount})" if self.mount else "")


@dataclass(slots=True)
class Kernel:
    """One look: what is read in it is kept until the next look."""

    memory: Memory
    layout: Layout
    symbol: Callable[[int], str]  # the function at an address, without offset; "" where none
    data_symbol: Callable[[int], str]  # "rtnl_mutex", "rcu_state+0x30"; "" of no static variable
    variable: Callable[[str], int | None]  # the address of a static variable
    enums: dict[str, dict[str, int]]
    file_systems: frozenset[str]  # names of /proc/filesystems
    mounts: dict[str, str]  # "8:1" -> where
    # v1 controller, or "" for v2 -> where it is mounted, and which part of the hierarchy is
    cgroups: dict[str, tuple[str, str]] = field(default_factory=dict)
    # who submitted the bio at an address, if it still is that one; None: not seen
    submitted: Callable[[int, BioMembers], Task | None] = lambda _bio, _members: None
    looks: int = 0
    devices: "dict[int, BlockDevice]" = field(default_factory=dict)  # of this look, by address
    bios: "dict[int, Places]" = field(default_factory=dict)  # of this look, by gendisk
    opened: dict[tuple[int, ...], Opened] = field(default_factory=dict)  # kept across looks
    checked: set[tuple[int, ...]] = field(default_factory=set)  # of these, in this look
    cpus: int = 0  # how many there can be; 0: not known
    statics: dict[str, int] = field(default_factory=dict)  # found without symbols: they stay
    _tasks: dict[int, KernelTask | None] = field(default_factory=dict)

    @property
    def width(self) -> Width:
        return self.layout.width

    def pointer(self, address: int) -> int | None:
        """The pointer, or long, at address."""
        data = self.memory.read(address, self.width.word)
        return _word(data) if data else None

    def wide(self, address: int) -> int | None:
        """The unsigned number of 8 bytes at address, on every kernel."""
        data = self.memory.read(address, 8)
        return _word(data) if data else None

    def text(self, address: int, size: int) -> str:
        return text(self.memory, address, size)

    def number(self, address: int, path: str) -> int | None:
        """An int, of 4 bytes and signed, in a member of the struct at address."""
        data = self.memory.read(address + self.layout[path], 4)
        return struct.unpack("=i", data)[0] if data else None

    def member(self, address: int, path: str) -> int | None:
        """The pointer, or long, in a member of the struct at address."""
        return self.pointer(address + self.layout[path])

    def wide_member(self, address: int, path: str) -> int | None:
        """The u64, sector_t or ktime_t in a member of the struct at address."""
        return self.wide(address + self.layout[path])

    def members(self, addresses: Sequence[int], offset: int) -> list[tuple[int, int]]:
        """Of each of these addresses where a word can be read at the offset: it and that word."""
        found = self.memory.read_all([(address + offset, self.width.word) for address in addresses])
        return [
            (address, _word(data)) for address, data in zip(addresses, found, strict=True) if data
        ]

    def saved_sp(self, task: int) -> int | None:
        """Where switch_to() left the stack pointer of a task that does not run."""
        path = next((path for path in SAVED_SP if self.layout.has(path)), SAVED_SP[0])
        holder = self.member(task, "task_struct.stack") if path == _SP_ON_STACK else task
        return self.member(holder, path) if holder else None

    def switches(self, tasks: Sequence[int]) -> dict[int, int]:
        """Of each of these task_structs that can be read: how often it has left a CPU. The same
        number as before: the same sleep."""
        offsets = [self.layout[path] for path in _SWITCHES]
        read = self.memory.read_all(
            [(task + at, self.width.word) for task in tasks for at in offsets]
        )
        pairs = zip(tasks, read[::2], read[1::2], strict=True)
        return {task: _word(own) + _word(other) for task, own, other in pairs if own and other}

    def forget(self) -> None:
        """Begin a new look."""
        self.looks += 1
        self._tasks.clear()
        self.devices.clear()
        self.bios.clear()
        self.checked.clear()
        if len(self.opened) > _MOST_SEARCHES:
            self.opened.clear()

    def task(self, address: int) -> KernelTask | None:
        """None where there is no task: its numbers and its name must be a task's."""
        if address not in self._tasks:
            self._tasks[address] = self._read_task(address)
        return self._tasks[address]

    def _read_task(self, address: int) -> KernelTask | None:
        layout = self.layout
        wanted = [
            (address + layout["task_struct.pid"], 4),
            (address + layout["task_struct.tgid"], 4),
            (address + layout["task_struct.comm"], _COMM),
            (address + layout["task_struct.stack"], self.width.word),
        ]
        pid, tgid, comm, stack = self.memory.read_all(wanted)
        if pid is None or tgid is None or comm is None or stack is None:
            return None
        tid, leader = struct.unpack("=i", pid)[0], struct.unpack("=i", tgid)[0]
        name, end, _ = comm.partition(b"\0")
        if not (0 < tid < 1 << 22 and 0 < leader < 1 << 22 and name and end):
            return None
        return KernelTask(
            address,
            leader,
            tid,
            name.decode(errors="backslashreplace"),
            _word(stack),
            self.width.stack_size,
        )

    def file_system(self, address: int) -> FileSystem | None:
        """The super block at address; None where none is: its type must be one of the kernel's."""
        layout = self.layout
        kind = self.member(address, "super_block.s_type")
        name = self.member(kind, "file_system_type.name") if kind else None
        known = self.text(name, 32) if name else ""
        if not known or known not in self.file_systems:
            return None
        number = self.memory.read(address + layout["super_block.s_dev"], 4) or b"\0\0\0\0"
        # MINORBITS of include/linux/kdev_t.h is 20
        device = struct.unpack("=I", number)[0]
        where = f"{device >> 20}:{device & (1 << 20) - 1}"
        return FileSystem(
            address,
            self.text(address + layout["super_block.s_id"], 32),
            known,
            self.mounts.get(where, ""),
        )

    def inode(self, address: int) -> str | None:
        """ "inode 12 of ext4 on sda1 (/data)"; None where there is no inode at address."""
        super_block = self.member(address, "inode.i_sb")
        found = self.file_system(super_block) if super_block else None
        if found is None:
            return None
        return f"inode {self.member(address, 'inode.i_ino')} of {found.text}"


def _word(data: bytes) -> int:
    return int.from_bytes(data, "little")

"""What a lock is called: a static variable by its symbol, another by the structure it lies in."""

from collections.abc import Callable, Sequence

from ktrace.waits.kernel import Kernel
from ktrace.waits.page_faults import WANTS as MM_WANTS
from ktrace.waits.page_faults import owner_of
from ktrace.waits.sleeper import Sleeper

_Named = Callable[[Kernel, int], str | None]


def _file_system(kernel: Kernel, address: int) -> str | None:
    found = kernel.file_system(address)
    return found.text if found else None


def _address_space(kernel: Kernel, address: int) -> str | None:
    """An mm_struct, by its owner."""
    owner = owner_of(kernel, address)
    return f"the mm of {owner.comm}[{owner.pid}]" if owner else None


def _inode_in(path: str) -> _Named:
    """Of a file system's own structure, which has its inode in the member at that path."""

    def described(kernel: Kernel, address: int) -> str | None:
        offset = kernel.layout.get(path)
        return kernel.inode(address + offset) if offset is not None else None

    return described


def _open_file(kernel: Kernel, address: int) -> str | None:
    """A struct file, by its inode, which a pipe or a socket has as well."""
    inode = kernel.member(address, "file.f_inode")
    found = kernel.inode(inode) if inode else None
    return f"an open file, {found}" if found else None


def _process(kernel: Kernel, address: int) -> str | None:
    """A signal_struct, by the first thread in its list, whose signal_struct it must be."""
    layout = kernel.layout
    if not layout.has(*_OF_PROCESS):
        return None
    node = kernel.member(address, "signal_struct.thread_head")
    task = kernel.task(node - layout["task_struct.thread_node"]) if node else None
    if task is None or kernel.member(task.address, "task_struct.signal") != address:
        return None
    return f"{task.comm}[{task.pid}]"


_OF_PROCESS = ("signal_struct.thread_head", "task_struct.thread_node", "task_struct.signal")

# Locks that lie in a structure which can be recognised by what else is in it.
_CONTAINERS: dict[str, Sequence[tuple[str, _Named]]] = {
    "rwsem": (
        ("inode.i_rwsem", Kernel.inode),
        ("inode.i_data.i_mmap_rwsem", Kernel.inode),
        ("inode.i_data.invalidate_lock", Kernel.inode),
        ("super_block.s_umount", _file_system),
        ("mm_struct.mmap_lock", _address_space),
        ("ext4_inode_info.i_data_sem", _inode_in("ext4_inode_info.vfs_inode")),
        ("ext4_inode_info.xattr_sem", _inode_in("ext4_inode_info.vfs_inode")),
        ("xfs_inode.i_lock", _inode_in("xfs_inode.i_vnode")),
        ("signal_struct.exec_update_lock", _process),
    ),
    "mutex": (
        ("file.f_pos_lock", _open_file),
        ("super_block.s_vfs_rename_mutex", _file_system),
        ("signal_struct.cred_guard_mutex", _process),
    ),
}
WANTS = (
    *(path for containers in _CONTAINERS.values() for path, _ in containers),
    *MM_WANTS,
    "ext4_inode_info.vfs_inode",
    "xfs_inode.i_vnode",
    "file.f_inode",
    *_OF_PROCESS,
)

# Locks that the function which takes them names. fs/pipe.c, fs/file.c, fs/seq_file.c
_BY_FUNCTION = {
    "pipe_read": "mutex of a pipe",
    "pipe_write": "mutex of a pipe",
    "anon_pipe_read": "mutex of a pipe",
    "anon_pipe_write": "mutex of a pipe",
    "fifo_pipe_read": "mutex of a pipe",
    "fifo_pipe_write": "mutex of a pipe",
    "fdget_pos": "f_pos_lock of an open file",
    "__fdget_pos": "f_pos_lock of an open file",
    "__f_unlock_pos": "f_pos_lock of an open file",
    "seq_read_iter": "lock of a seq_file",
}


def lock_name(kernel: Kernel, sleeper: Sleeper, kind: str, lock: int) -> str:
    """ "rtnl_mutex", "i_rwsem of inode 12 of ext4 on sda1"; empty where nothing names it."""
    known = kernel.data_symbol(lock) or name_by_structure(kernel, kind, lock)
    return known or next((_BY_FUNCTION[f] for f in sleeper.functions if f in _BY_FUNCTION), "")


def name_by_structure(kernel: Kernel, kind: str, lock: int) -> str:
    """Which proves, too, that there is a lock of that kind; empty where nothing does."""
    for path, described in _CONTAINERS.get(kind, ()):
        offset = kernel.layout.get(path)
        inside = described(kernel, lock - offset) if offset is not None else None
        if inside:
            return f"{path.rpartition('.')[2]} of {inside}"
    return ""

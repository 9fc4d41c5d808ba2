"""What a lock is called: a static variable by its symbol, another by the structure it lies in."""

from collections.abc import Callable, Sequence

from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper

_Named = Callable[[Kernel, int], str | None]

# Locks that lie in a structure which can be recognised by what else is in it.
_CONTAINERS: dict[str, Sequence[tuple[str, _Named]]] = {
    "rwsem": (
        ("inode.i_rwsem", Kernel.inode),
        ("super_block.s_umount", lambda kernel, at: _file_system(kernel, at)),
        ("mm_struct.mmap_lock", lambda kernel, at: _address_space(kernel, at)),
    ),
    "mutex": (),
}
WANTS = (
    *(path for containers in _CONTAINERS.values() for path, _ in containers),
    "mm_struct.owner",
    "task_struct.mm",
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
    static = kernel.data_symbol(lock)
    if static:
        return static
    for path, described in _CONTAINERS[kind]:
        offset = kernel.layout.get(path)
        inside = described(kernel, lock - offset) if offset is not None else None
        if inside:
            return f"{path.rpartition('.')[2]} of {inside}"
    return next((_BY_FUNCTION[f] for f in sleeper.functions if f in _BY_FUNCTION), "")


def _file_system(kernel: Kernel, address: int) -> str | None:
    found = kernel.file_system(address)
    return found.text if found else None


def _address_space(kernel: Kernel, address: int) -> str | None:
    """An mm_struct, by its owner (CONFIG_MEMCG), whose mm it must be."""
    if not kernel.layout.has("mm_struct.owner", "task_struct.mm"):
        return None
    owner = kernel.member(address, "mm_struct.owner")
    task = kernel.task(owner) if owner else None
    if task is None or kernel.member(task.address, "task_struct.mm") != address:
        return None
    return f"the mm of {task.comm}[{task.pid}]"

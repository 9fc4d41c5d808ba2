"""The other end of a pipe: rd_wait and wr_wait of struct pipe_inode_info, fs/pipe.c."""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.open_files import opened
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_of

# read and write, and splice() between pipes; since v6.14 pipe_read() is two functions
_READS = ("pipe_read", "anon_pipe_read", "fifo_pipe_read", "ipipe_prep", "pipe_wait_readable")
_WRITES = ("pipe_write", "anon_pipe_write", "fifo_pipe_write", "opipe_prep", "pipe_wait_writable")
# wait_for_dump_helpers() of fs/coredump.c, which may be inlined: it waits in rd_wait for readers
_DUMPS = ("wait_for_dump_helpers", "do_coredump", "vfs_coredump")
_FMODE_READ, _FMODE_WRITE = 1, 2  # include/linux/fs.h


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    function = sleeper.function
    if function not in (*_READS, *_WRITES, *_DUMPS):
        return None
    queue = queue_of(sleeper, kernel)
    if queue is None:
        return None
    layout = kernel.layout
    dumps = function in _DUMPS
    reads = function in _READS or dumps
    head = "pipe_inode_info.rd_wait" if reads else "pipe_inode_info.wr_wait"
    pipe = queue.head - layout["wait_queue_head.head"] - layout[head]
    wanted = _FMODE_WRITE if reads and not dumps else _FMODE_READ
    end = "write" if wanted == _FMODE_WRITE else "read"
    found = opened(kernel, sleeper.address, [pipe])
    others = {
        file.task.pid: file.task
        for file in found.files
        if file.mode(kernel) & wanted and file.task.pid != sleeper.pid
    }
    detail = _detail(dumps, reads, pipe, kernel)
    if not others:
        detail += f", whose {end} end no other process has open" if found.whole else ""
    return Found(
        "pipe",
        pipe,
        detail,
        (
            "wait_queue_entry on its stack",
            *(("pipe_inode_info in a descriptor table",) if others else ()),
        ),
        tuple((task, f"has the {end} end of the pipe open") for task in others.values()),
        # no waiters: of who waits, each may have the other end open, too
    )


def _detail(dumps: bool, reads: bool, pipe: int, kernel: Kernel) -> str:
    readers = kernel.number(pipe, "pipe_inode_info.readers")
    writers = kernel.number(pipe, "pipe_inode_info.writers")
    what = "data in a pipe" if reads else "room in a pipe"
    if dumps:
        what = "the reader of a core dump, which has to close the pipe"
    return f"{what} (readers: {readers}, writers: {writers})"


KIND = Kind(
    "pipe",
    (
        *WANTS,
        "pipe_inode_info.rd_wait",
        "pipe_inode_info.wr_wait",
        "pipe_inode_info.readers",
        "pipe_inode_info.writers",
    ),
    _read,
    tells="which end, readers and writers",
    holder="the processes that have the other end open",
    released="them",
    seen="6.12, 6.18",
)

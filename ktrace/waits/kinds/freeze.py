"""A frozen file system: sb_start_write() of a writer waits in s_writers, fs/super.c."""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import FileSystem, Kernel
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_of

# fs/super.c counts both; seen on 6.12 and later
_FREEZERS = {
    "super_block.s_writers.freeze_ucount": "user space",
    "super_block.s_writers.freeze_kcount": "the kernel",
}
_LEVELS = 3  # SB_FREEZE_LEVELS of include/linux/fs.h: write, page fault, internal


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    """percpu_rwsem_wait() of kernel/locking/percpu-rwsem.c queues with this wake function."""
    queue = queue_of(sleeper, kernel, "percpu_rwsem_wake_function")
    if queue is None:
        return None
    semaphore = queue.head - kernel.layout["percpu_rw_semaphore.waiters.head"]
    found = _super_block(kernel, semaphore)
    if found is None:
        return None
    return Found(
        "frozen-file-system",
        found.address,
        found.text + _by_whom(kernel, found.address),
        (
            "wait_queue_entry with percpu_rwsem_wake_function on its stack",
            "super_block.s_writers",
        ),
        waiters=queue.waiters,
        target=found.mount,
    )


def _super_block(kernel: Kernel, semaphore: int) -> FileSystem | None:
    """The semaphore is one of super_block.s_writers.rw_sem, or belongs to something else."""
    first = kernel.layout["super_block.s_writers.rw_sem"]
    size = kernel.layout["percpu_rw_semaphore"]
    found = (kernel.file_system(semaphore - first - level * size) for level in range(_LEVELS))
    return next((file_system for file_system in found if file_system), None)


def _by_whom(kernel: Kernel, super_block: int) -> str:
    """Empty where the kernel does not count them; by which process is kept nowhere."""
    counted = (
        who
        for path, who in _FREEZERS.items()
        if kernel.layout.has(path) and kernel.number(super_block, path)
    )
    names = " and ".join(counted)
    return f", frozen by {names}" if names else ""


KIND = Kind(
    "frozen-file-system",
    (
        *WANTS,
        "percpu_rw_semaphore.waiters.head",
        "percpu_rw_semaphore",
        "super_block.s_writers.rw_sem",
        *_FREEZERS,
    ),
    _read,
    tells="type, device, mount point, whether user space or the kernel has frozen it",
    holder="nobody: it is frozen",
    released="`fsfreeze -u`",
    seen="6.1, 6.12, 6.18, 7.2",
)

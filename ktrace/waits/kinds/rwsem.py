"""struct rw_semaphore: kernel/locking/rwsem.c."""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.lock_names import WANTS, lock_name
from ktrace.waits.page_faults import users_of
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.sleeping_locks import LockType, owner_of, waited_for

_FUNCTIONS = (
    "rwsem_down_read_slowpath",
    "rwsem_down_write_slowpath",
    "down_read",
    "down_write",
    "down_read_killable",
    "down_write_killable",
    "down_read_interruptible",
)
_TYPE = LockType("rw_semaphore", "rwsem_waiter")
_READER_OWNED = 1  # RWSEM_READER_OWNED: the owner word keeps the newest reader, only a hint


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    found = waited_for(sleeper, kernel, _TYPE) if sleeper.is_in(*_FUNCTIONS) else None
    if not found:
        return None
    lock = found.address
    word = kernel.member(lock, "rw_semaphore.owner") or 0
    holder = None if found.in_doubt else owner_of(kernel, word)
    read_held = bool(word & _READER_OWNED)
    why = "may hold the rwsem for reading" if read_held else "holds the rwsem for writing"
    evidence = [*found.evidence]
    users = users_of(kernel, lock) if read_held else []
    likely = tuple((task, _LIKELY) for task in users if task.address != sleeper.address)
    if holder:
        evidence.append("rw_semaphore.owner" + (", the newest reader" if read_held else ""))
    return Found(
        "rwsem",
        lock,
        lock_name(kernel, sleeper, "rwsem", lock),
        tuple(evidence),
        ((holder, why),) if holder else (),
        found.waiters,
        likely=likely,
    )


_LIKELY = "is likely to hold the mmap_lock for reading, inside of a page fault"


KIND = Kind(
    "rwsem",
    (*_TYPE.wants, "rw_semaphore.owner", *WANTS),
    _read,
    tells="the lock: `i_rwsem` of inode N, `s_umount`, `mmap_lock` of a process",
    holder="`rw_semaphore.owner`; of readers a hint, of an `mmap_lock` also the threads of the "
    "process that are inside of a page fault: called likely",
    released="its holder",
    seen="5.10, 6.1, 6.12, 6.18, 7.2",
)

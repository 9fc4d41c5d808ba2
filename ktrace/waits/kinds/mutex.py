"""struct mutex: kernel/locking/mutex.c."""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.lock_names import WANTS, lock_name
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.sleeping_locks import LockType, owner_of, waited_for

_FUNCTIONS = ("__mutex_lock", "__ww_mutex_lock")  # __mutex_lock_slowpath ends in the first
_TYPE = LockType("mutex", "mutex_waiter")


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if not sleeper.is_in(*_FUNCTIONS):
        return None
    lock = 0
    evidence: list[str] = []
    waiters: tuple[int, ...] = ()
    found = waited_for(sleeper, kernel, _TYPE)
    if found:
        lock, waiters = found.address, found.waiters
        evidence.append("mutex_waiter on its stack")
    said = _blocked_on(sleeper, kernel)
    if (said and said in (lock, 0)) or not lock:
        lock = lock or said
        evidence += ["task_struct.blocked_on"] if said else []
    if not lock:
        return None
    owner = owner_of(kernel.member(lock, "mutex.owner"))
    holder = kernel.task(owner) if owner else None
    return Found(
        "mutex",
        lock,
        lock_name(kernel, sleeper, "mutex", lock),
        (*evidence, *(("mutex.owner",) if holder else ())),
        ((holder, "holds the mutex"),) if holder else (),
        waiters,
    )


def _blocked_on(sleeper: Sleeper, kernel: Kernel) -> int:
    """task_struct.blocked_on: of kernels with CONFIG_DEBUG_MUTEXES, and of newer ones always (seen
    on 6.18). PROXY_WAKING (-1) is no lock."""
    if not kernel.layout.has("task_struct.blocked_on"):
        return 0
    word = kernel.member(sleeper.address, "task_struct.blocked_on") or 0
    return 0 if word == (1 << 64) - 1 else word


KIND = Kind(
    "mutex",
    (
        *_TYPE.wants,
        "mutex.owner",
        "task_struct.blocked_on",
        *WANTS,
    ),
    _read,
)

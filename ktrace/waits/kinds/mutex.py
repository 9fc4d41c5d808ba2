"""struct mutex: kernel/locking/mutex.c."""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.lock_names import WANTS, lock_name
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.sleeping_locks import LockType, owner_of, waited_for

_FUNCTIONS = ("__mutex_lock", "__ww_mutex_lock")  # __mutex_lock_slowpath ends in the first
_TYPE = LockType("mutex", "mutex_waiter")


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    found = waited_for(sleeper, kernel, _TYPE) if sleeper.is_in(*_FUNCTIONS) else None
    if not found:
        return None
    holder = owner_of(kernel, kernel.member(found.address, "mutex.owner"))
    if found.in_doubt:
        holder = None
    return Found(
        "mutex",
        found.address,
        lock_name(kernel, sleeper, "mutex", found.address),
        (*found.evidence, *(("mutex.owner",) if holder else ())),
        ((holder, "holds the mutex"),) if holder else (),
        found.waiters,
    )


KIND = Kind(
    "mutex",
    (*_TYPE.wants, "mutex.owner", *WANTS),
    _read,
    tells="the lock: a static one by its symbol, others by the structure that holds it, or by the "
    "function that takes it",
    holder="`mutex.owner`",
    released="its holder",
    seen="5.10, 6.1, 6.12, 6.18, 7.2",
)

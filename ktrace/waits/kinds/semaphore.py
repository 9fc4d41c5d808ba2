"""struct semaphore: kernel/locking/semaphore.c. It has no owner: who takes it need not release it.

Kernels with CONFIG_DETECT_HUNG_TASK_BLOCKER keep who took it last, which is a hint.
"""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.lock_names import WANTS, lock_name
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.sleeping_locks import LockType, owner_of, waited_for

_FUNCTIONS = (
    *("__down", "__down_common", "___down_common", "down"),
    *("__down_killable", "__down_interruptible", "__down_timeout"),
    *("down_killable", "down_interruptible", "down_timeout"),
)
_TYPE = LockType("semaphore", "semaphore_waiter")
_LAST_HOLDER = "semaphore.last_holder"


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    found = waited_for(sleeper, kernel, _TYPE) if sleeper.is_in(*_FUNCTIONS) else None
    if not found:
        return None
    holder = None
    if kernel.layout.has(_LAST_HOLDER) and not found.in_doubt:
        holder = owner_of(kernel, kernel.member(found.address, _LAST_HOLDER))
    return Found(
        "semaphore",
        found.address,
        lock_name(kernel, sleeper, "semaphore", found.address),
        (*found.evidence, *((_LAST_HOLDER,) if holder else ())),
        ((holder, "may hold the semaphore, which it took last"),) if holder else (),
        found.waiters,
    )


KIND = Kind(
    "semaphore",
    (*_TYPE.wants, _LAST_HOLDER, *WANTS),
    _read,
    tells="the lock, where it is static",
    holder="not known; `semaphore.last_holder`, a hint",
    released="whoever calls `up()`",
    seen="5.10, 6.1, 6.12, 7.2",
)

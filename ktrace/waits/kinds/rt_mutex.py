"""struct rt_mutex: kernel/locking/rtmutex.c. Under PREEMPT_RT mutexes and rwsems are made of it."""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.lock_names import WANTS, lock_name
from ktrace.waits.sleeper import Sleeper

_HAS_WAITERS = 1  # RT_MUTEX_HAS_WAITERS of kernel/locking/rtmutex_common.h
_OWNERS = ("rt_mutex_base.owner", "rt_mutex.owner")  # since v5.15; until then


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    """pi_blocked_on is set while a task waits for one, and for nothing else."""
    waiter = kernel.member(sleeper.address, "task_struct.pi_blocked_on")
    if not waiter or kernel.member(waiter, "rt_mutex_waiter.task") != sleeper.address:
        return None
    lock = kernel.member(waiter, "rt_mutex_waiter.lock")
    if not lock:
        return None
    path = next((path for path in _OWNERS if kernel.layout.has(path)), _OWNERS[0])
    owner = (kernel.member(lock, path) or 0) & ~_HAS_WAITERS
    holder = kernel.task(owner) if owner else None
    return Found(
        "rt-mutex",
        lock,
        lock_name(kernel, sleeper, "rt_mutex", lock),
        ("task_struct.pi_blocked_on", *((path,) if holder else ())),
        ((holder, "holds the rt_mutex"),) if holder else (),
    )


KIND = Kind(
    "rt-mutex",
    (
        "task_struct.pi_blocked_on",
        "rt_mutex_waiter.task",
        "rt_mutex_waiter.lock",
        *_OWNERS,
        *WANTS,
    ),
    _read,
    tells="the lock, where it is static",
    holder="`rt_mutex.owner`",
    released="its holder",
    seen="5.10, 6.1, 6.12, 7.2",
)

"""struct rt_mutex: kernel/locking/rtmutex.c.

Under PREEMPT_RT mutexes and rwsems are made of it (include/linux/mutex_types.h, rwbase_rt.h), and
nothing in it tells which: only the structure that it lies in.
"""

from ktrace.record import record
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.lock_names import WANTS, lock_name, name_by_structure
from ktrace.waits.sleeper import Sleeper

_HAS_WAITERS = 1  # RT_MUTEX_HAS_WAITERS of kernel/locking/rtmutex_common.h
_MADE_OF_IT = (
    ("mutex", "mutex.rtmutex", "holds the mutex"),
    ("rwsem", "rw_semaphore.rwbase.rtmutex", "holds the rwsem for writing"),
)
_OWNERS = ("rt_mutex_base.owner", "rt_mutex.owner")  # since v5.15; until then


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    """pi_blocked_on is set while a task waits for one, and for nothing else."""
    waiter = kernel.member(sleeper.address, "task_struct.pi_blocked_on")
    if not waiter or kernel.member(waiter, "rt_mutex_waiter.task") != sleeper.address:
        return None
    lock = kernel.member(waiter, "rt_mutex_waiter.lock")
    if not lock:
        return None
    made = _made_of(kernel, lock) or _Made("rt-mutex", lock, "", "holds the rt_mutex")
    path = next((path for path in _OWNERS if kernel.layout.has(path)), _OWNERS[0])
    owner = (kernel.member(lock, path) or 0) & ~_HAS_WAITERS
    holder = kernel.task(owner) if owner else None
    return Found(
        made.kind,
        made.address,
        made.name or lock_name(kernel, sleeper, "rt_mutex", lock),
        ("task_struct.pi_blocked_on", *((path,) if holder else ())),
        ((holder, made.why),) if holder else (),
    )


@record
class _Made:
    """A lock that is made of an rt_mutex."""

    kind: str
    address: int
    name: str
    why: str


def _made_of(kernel: Kernel, rt_mutex: int) -> _Made | None:
    for kind, path, why in _MADE_OF_IT:
        offset = kernel.layout.get(path)
        name = name_by_structure(kernel, kind, rt_mutex - offset) if offset is not None else ""
        if offset is not None and name:
            return _Made(kind, rt_mutex - offset, name, why)
    return None


KIND = Kind(
    "rt-mutex",
    (
        "task_struct.pi_blocked_on",
        "rt_mutex_waiter.task",
        "rt_mutex_waiter.lock",
        *_OWNERS,
        *(path for _, path, _ in _MADE_OF_IT),
        *WANTS,
    ),
    _read,
    tells="the lock, where it is static",
    holder="`rt_mutex.owner`",
    released="its holder",
    seen="5.10, 6.1, 6.12, 7.2",
)

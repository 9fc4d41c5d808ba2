"""Real-time priority for ktrace: where everybody wants memory, it waits for nobody.

No ordinary task delays a real-time one, and the kernel lets it have pages of the reserve, where
others first have to reclaim some (gfp_to_alloc_flags(), mm/page_alloc.c). A ktrace with much to do
must not keep a small machine from its work: it is ordinary again after two seconds of computing
without a pause, and for as long as it leaves less than half of a CPU. The kernel's own limit,
sched_rt_runtime_us, may be off, and leaves a twentieth.

With several CPUs it has it only while less than half of the memory is available. A real-time task
wakes up on the CPU where it ran before, unless a real-time task has that (select_task_rq_rt(),
kernel/sched/rt.c), be it that an ordinary one loops there in the kernel and is not preempted:
ktrace waited for the end of that, where an ordinary task goes to a CPU that is idle.

It is that of the calling thread, and of the one that makes calls for it (be_as()); what they start
is ordinary.
"""

import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ktrace.sources.live.meminfo import kib_by_name

_PRIORITY = 1  # the lowest: whatever else is real-time here comes first
_LEFT = 0.5  # of a CPU, to others
_SHORT = 0.5  # of all memory: less is available
_PERIOD_S = 2.0
_ALONE_US = 2_000_000  # of CPU time without a pause: RLIMIT_RTTIME, setrlimit(2)

_taken = False
_began = (0.0, 0.0)  # the period: CPU time, time


def take() -> list[str]:
    """Why it cannot be had, in a line. Whoever chose another priority for ktrace keeps it."""
    global _taken
    chosen = _chosen()
    if chosen:
        return [f"ktrace was started with {chosen}, and may have to wait with the machine"]
    try:
        _limit()
        _set(real_time=True)  # whether it may
        _set(real_time=_needed())
    except OSError as error:
        return [
            f"ktrace may have to wait with the machine ({error.strerror}: real-time priority "
            "needs CAP_SYS_NICE)"
        ]
    _taken = True
    _begin()
    return []


def balance() -> None:
    """Now and then: is it too much, or little enough again?"""
    if not _taken or time.monotonic() - _began[1] < _PERIOD_S:
        return
    used, passed = time.process_time() - _began[0], time.monotonic() - _began[1]
    _begin()
    _set_if_allowed(real_time=used <= _most() * passed and _needed())


@contextmanager
def set_aside() -> Iterator[None]:
    """For what may take longer, and must not be interrupted by a signal."""
    if _taken:
        _set_if_allowed(real_time=False)
    try:
        yield
    finally:
        if _taken:
            _set_if_allowed(real_time=_needed())


def be_as(thread: int) -> None:
    """The calling thread gets the priority that thread has."""
    with suppress(OSError):
        policy = os.sched_getscheduler(thread)
        if policy != os.sched_getscheduler(0):
            os.sched_setscheduler(0, policy, os.sched_getparam(thread))


def original_limits() -> tuple[int, int]:
    """Before take(): of RLIMIT_RTTIME, for children."""
    return resource.getrlimit(resource.RLIMIT_RTTIME)


def restore_limits(limits: tuple[int, int]) -> None:
    """In a child."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_RTTIME, limits)


def _chosen() -> str:
    policy, nice = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, os.nice(0)
    if policy != os.SCHED_OTHER:
        return f"scheduling policy {policy}"
    return f"nice {nice}" if nice else ""


def _limit() -> None:
    """At half of what is allowed: the kernel kills whoever reaches that."""
    most = resource.getrlimit(resource.RLIMIT_RTTIME)[1]
    alone = _ALONE_US if most == resource.RLIM_INFINITY else min(_ALONE_US, most // 2)
    signal.signal(signal.SIGXCPU, lambda *_: _set_if_allowed(real_time=False))
    resource.setrlimit(resource.RLIMIT_RTTIME, (alone, most))


def _needed() -> bool:
    return len(os.sched_getaffinity(0)) == 1 or _memory_is_short()


def _memory_is_short() -> bool:
    """So it is where the kernel does not tell."""
    try:
        with open("/proc/meminfo") as file:
            known = kib_by_name(file.read(), ("MemTotal", "MemAvailable"))
    except OSError:
        return True
    return known.get("MemAvailable", 0) < _SHORT * known.get("MemTotal", 0)


def _most() -> float:
    """Of a CPU that ktrace may have."""
    return 1 - _LEFT / len(os.sched_getaffinity(0))


def _begin() -> None:
    global _began
    _began = time.process_time(), time.monotonic()


def _set_if_allowed(*, real_time: bool) -> None:
    with suppress(OSError):
        _set(real_time=real_time)


def _set(*, real_time: bool) -> None:
    policy = os.SCHED_RR if real_time else os.SCHED_OTHER
    # never without the flag: to clear it takes a capability
    parameter = os.sched_param(_PRIORITY if real_time else 0)
    os.sched_setscheduler(0, policy | os.SCHED_RESET_ON_FORK, parameter)

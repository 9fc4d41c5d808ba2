"""A process that a signal has stopped: do_signal_stop() of kernel/signal.c."""

import signal

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper

_STOP_SIGNAL = 0xFFFF  # JOBCTL_STOP_SIGMASK of include/linux/sched/jobctl.h


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if not sleeper.is_in("do_signal_stop"):
        return None
    word = kernel.member(sleeper.address, "task_struct.jobctl")
    number = (word or 0) & _STOP_SIGNAL
    return Found(
        "job-control",
        0,
        f"SIGCONT, since {_name(number)} has stopped the process",
        ("task_struct.jobctl",) if number else ("do_signal_stop()",),
        target=str(sleeper.pid),
    )


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}" if number else "a signal"


KIND = Kind(
    "job-control",
    ("task_struct.jobctl",),
    _read,
    tells="the signal that stopped it",
    holder="nobody",
    released="`kill -CONT`",
    seen="6.12, 6.18, 7.2",
)

"""A task that its tracer has stopped: ptrace_stop() of kernel/signal.c."""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper

_EXITS = ("do_exit",)  # PTRACE_EVENT_EXIT: it stops on its way out


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if not sleeper.is_in("ptrace_stop"):
        return None
    traced = kernel.number(sleeper.address, "task_struct.ptrace")
    parent = kernel.member(sleeper.address, "task_struct.parent")
    tracer = kernel.task(parent) if traced and parent else None
    if tracer is None:
        return None
    exits = sleeper.is_in(*_EXITS)
    return Found(
        "ptrace",
        tracer.address,
        "its tracer, " + ("in PTRACE_EVENT_EXIT, on its way out" if exits else "in a ptrace stop"),
        ("task_struct.ptrace", "task_struct.parent"),
        ((tracer, "traces it, and has not let it go on"),),
        target=str(tracer.pid),
    )


KIND = Kind(
    "ptrace",
    ("task_struct.ptrace", "task_struct.parent"),
    _read,
    tells="the stop; PTRACE_EVENT_EXIT",
    holder="the tracer",
    released="the tracer; `kill`",
    seen="6.12, 6.18, 7.2",
)

"""How a dying thread gets on: where it is in do_exit(), and how fast its memory becomes free."""

from collections import deque

from ktrace.events import Stack, TaskState
from ktrace.findings import ExitProgress
from ktrace.kernel.wait_functions import function_of

# What do_exit() of kernel/exit.c calls, or is inlined into it, by functions on the stack
_PHASES = {
    "exit_mmap": "exit_mm",
    "__mmput": "exit_mm",
    "mmput": "exit_mm",
    "exit_mm": "exit_mm",
    "exit_aio": "exit_aio",
    "io_uring_cancel_generic": "io_uring_files_cancel",
    "__io_uring_cancel": "io_uring_files_cancel",
    "coredump_task_exit": "coredump_task_exit",
    "exit_signals": "exit_signals",
    "exit_sem": "exit_sem",
    "exit_shm": "exit_shm",
    "close_files": "exit_files",
    "put_files_struct": "exit_files",
    "exit_files": "exit_files",
    "exit_fs": "exit_fs",
    "task_work_run": "exit_task_work",
    "exit_task_namespaces": "exit_task_namespaces",
    "switch_task_namespaces": "exit_task_namespaces",
    "zap_pid_ns_processes": "exit_notify",
    "exit_notify": "exit_notify",
    "cgroup_exit": "cgroup_exit",
    "disassociate_ctty": "disassociate_ctty",
    "taskstats_exit": "taskstats_exit",
    "acct_process": "acct_process",
    "perf_event_exit_task": "perf_event_exit_task",
}
_INNERMOST_LAST = ("exit_aio",)  # __mmput() calls it: the more exact one counts
_UNMAPS = "exit_mm"
_WINDOW_S = 10.0  # nothing in that time is no progress


class ExitLooks:
    """Of one thread. Feed it each look; it compares it with the first of the last seconds: who gets
    a CPU now and then does not get on from each look to the next."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque()  # time, and KiB

    def look(self, sample: TaskState, stack: Stack) -> ExitProgress | None:
        """None where it is not dying. stack: where it is now."""
        if sample.state != "exiting":
            self._looks.clear()
            return None
        rss = sample.rss_kib  # known as long as it has its mm, or unmaps it
        phase = _phase(stack) or (_UNMAPS if rss is not None and not sample.mm_held else "")
        return ExitProgress(phase, rss, None if rss is None else self._rate(sample.t, rss))

    def _rate(self, t: float, rss: int) -> float | None:
        """KiB a second; None at the first look."""
        self._looks.append((t, rss))
        while t - self._looks[0][0] > _WINDOW_S and len(self._looks) > 2:
            self._looks.popleft()
        first_t, first_rss = self._looks[0]
        return round((first_rss - rss) / (t - first_t), 1) if first_t < t else None


def _phase(stack: Stack) -> str:
    """The outermost that is known, nearest to do_exit(); empty where the stack tells none."""
    functions = [function_of(frame) for frame in stack]
    for name in _INNERMOST_LAST:
        if name in functions:
            return _PHASES[name]
    return next((_PHASES[name] for name in reversed(functions) if name in _PHASES), "")

"""How a dying thread gets on: where it is in do_exit(), how fast its memory becomes free, and how
fast it lets go of the rest."""

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
_MEMORY = ""  # KiB of it
_WINDOW_S = 10.0  # nothing in that time is no progress


class ExitLooks:
    """Of one thread. Feed it each look; it compares it with the first of the last seconds: who gets
    a CPU now and then does not get on from each look to the next."""

    def __init__(self) -> None:
        self._looks: dict[str, deque[tuple[float, int]]] = {}  # time and number, of each measure
        # the first look since which it could run and had no CPU, and the newest
        self._waiting: tuple[TaskState, TaskState] | None = None

    @property
    def starved(self) -> bool:
        """It had no CPU between the looks of the last seconds: they do not tell whether it gets
        on."""
        if self._waiting is None:
            return False
        first, newest = self._waiting
        return first is not newest and newest.t - first.t < _WINDOW_S

    def look(self, sample: TaskState, stack: Stack) -> ExitProgress | None:
        """None where it is not dying. stack: where it is now."""
        self._note_cpu(sample)
        if sample.state != "exiting":
            self._looks.clear()
            return None
        rss = sample.rss_kib  # known as long as it has its mm, or unmaps it
        phase = _phase(stack) or (_UNMAPS if rss is not None and not sample.mm_held else "")
        rate = None if rss is None else self._rate(_MEMORY, sample.t, rss)
        return ExitProgress(phase, rss, rate, *self._left(sample))

    def _note_cpu(self, sample: TaskState) -> None:
        if sample.state_flags != "TASK_RUNNING" or sample.on_cpu:
            self._waiting = None
            return
        first = self._waiting[0] if self._waiting else sample
        self._waiting = (first if first.switches == sample.switches else sample, sample)

    def _left(self, sample: TaskState) -> tuple[str, int | None, float | None, str]:
        """What shrinks, how many are left, how fast, and of which file; else the first of what is
        left."""
        measures = [f"{left.what} {left.file}" for left in sample.exit_left]
        if measures:  # a look in between has none
            for measure in self._looks.keys() - {_MEMORY, *measures}:
                del self._looks[measure]
        rates = [
            (left.what, left.count, self._rate(measure, sample.t, left.count), left.file)
            for measure, left in zip(measures, sample.exit_left, strict=True)
        ]
        shrinks = (found for found in rates if found[2] is not None and found[2] > 0)
        return next(shrinks, rates[0] if rates else ("", None, None, ""))

    def _rate(self, measure: str, t: float, number: int) -> float | None:
        """How many less in a second; None at the first look."""
        looks = self._looks.setdefault(measure, deque())
        looks.append((t, number))
        while t - looks[0][0] > _WINDOW_S and len(looks) > 2:
            looks.popleft()
        first_t, first = looks[0]
        return round((first - number) / (t - first_t), 1) if first_t < t else None


def _phase(stack: Stack) -> str:
    """The outermost that is known, nearest to do_exit(); empty where the stack tells none."""
    functions = [function_of(frame) for frame in stack]
    for name in _INNERMOST_LAST:
        if name in functions:
            return _PHASES[name]
    return next((_PHASES[name] for name in reversed(functions) if name in _PHASES), "")

"""What a sleeping thread waits in, from its stack and state."""

import re

from ktrace.events import Stack, TaskState
from ktrace.findings import Wait
from ktrace.kernel.task_state import SIGKILL_WAKES

_SCHEDULER = re.compile(
    r"__schedule|schedule|schedule_(preempt_disabled|idle)|preempt_schedule\w*|__cond_resched"
    r"|io_schedule|(io_)?schedule_timeout(_\w+)?|schedule_hrtimeout_range(_clock)?"
    r"|do_nanosleep|finish_task_switch|rcu_rwlock_rt_\w+"
)

# frames of a wait primitive -> its name; "wait_event" macros leave no frame of their own
_PRIMITIVES = [
    (re.compile(pattern), name)
    for pattern, name in (
        (r"__wait_for_common|do_wait_for_common|wait_for_completion\w*", "wait_for_completion"),
        (r"(__)?mutex_lock\w*|__ww_mutex_lock\w*", "mutex_lock"),
        (r"(__)?rwsem_down_read\w*|(__)?down_read\w*", "down_read"),
        (r"(__)?rwsem_down_write\w*|(__)?down_write\w*", "down_write"),
        (r"percpu_rwsem_wait|__percpu_down_read\w*", "percpu_down_read"),
        (r"percpu_down_write\w*", "percpu_down_write"),
        (r"___?down_common|__down\w*|down(_killable|_interruptible|_timeout)?", "down"),
        (
            r"folio_wait_bit\w*|wait_on_page_bit\w*|__folio_lock\w*|__lock_page\w*"
            r"|folio_put_wait_locked|put_and_wait_on_page_locked|folio_wait_writeback\w*"
            r"|wait_on_page_writeback",
            "folio_wait_bit",
        ),
        (
            r"bit_wait\w*|__wait_on_bit\w*|out_of_line_wait_on_bit\w*|__wait_on_buffer",
            "wait_on_bit",
        ),
        (r"msleep\w*|usleep_range\w*", "msleep"),
        (r"rt_mutex_\w+|__rt_mutex_\w+|rtlock_\w+|rt_spin_lock\w*", "rt_mutex_lock"),
        (r"do_wait_intr\w*|prepare_to_wait\w*", "wait_event"),
    )
]

_SUFFIX = {"killable": "_killable", "interruptible": "_interruptible", "idle": "_idle"}


def function_of(frame: str) -> str:
    """ "squashfs_cache_get" of "squashfs_cache_get+0x323 [squashfs]"; compiler's parts kept off."""
    return frame.partition("+")[0].partition(".")[0]


def wait_of(sample: TaskState) -> Wait | None:
    """Where the thread waits; None while it runs, or without a stack."""
    if sample.state in ("running", "zombie") or not sample.stack:
        return None
    function, primitive = _look_beneath(sample.stack)
    return Wait(
        function=function,
        primitive=(primitive or "wait_event") + _suffixes(sample, primitive),
        sigkill_wakes=bool(SIGKILL_WAKES.get(sample.state)),
    )


def _look_beneath(stack: Stack) -> tuple[str, str | None]:
    """The first function beneath the scheduler's and the primitive's own frames."""
    primitive = None
    functions = [function_of(frame) for frame in stack]
    for function in functions:
        if _SCHEDULER.fullmatch(function):
            continue
        name = _primitive_name(function)
        if name is None:
            return function, primitive
        primitive = primitive or name
    return functions[-1], primitive


def _primitive_name(function: str) -> str | None:
    for pattern, name in _PRIMITIVES:
        if pattern.fullmatch(function):
            return name
    return None


def _suffixes(sample: TaskState, primitive: str | None) -> str:
    """ "_killable", "_timeout", ... as the family of include/linux/wait.h spells them."""
    if "TASK_WAKEKILL" in sample.state_flags:
        suffix = "_killable"
    else:
        suffix = _SUFFIX.get(sample.state, "")
        if sample.state == "freezable":
            suffix = "_interruptible"
    if primitive is None and "TASK_FREEZABLE" in sample.state_flags:
        suffix = suffix.replace("_interruptible", "") + "_freezable"
    timed = any("schedule_timeout" in function_of(frame) for frame in sample.stack[:6])
    # every completion sleeps in schedule_timeout(), mostly for ever
    return suffix + ("_timeout" if timed and primitive is None else "")

"""Functions of the scheduler and of wait primitives, by which a sleeping task's stack is read.

Nearly all are marked __sched (include/linux/sched/debug.h) and so kept out of stacks that
stack_trace_save_tsk() takes, which are those of bpf_get_task_stack() and /proc/PID/stack.
"""

import re
from functools import lru_cache

_SCHEDULER = re.compile(
    r"__schedule|schedule|schedule_(preempt_disabled|idle)|preempt_schedule\w*|__cond_resched"
    r"|io_schedule|(io_)?schedule_timeout(_\w+)?|schedule_hrtimeout_range(_clock)?"
    r"|do_nanosleep|finish_task_switch|__switch_to(_asm)?"
    # vmlinux.lds.h: at the address of the first function of .sched.text, so a name of it
    r"|__sched_text_start"
)

# "wait_event" macros leave no frame of their own, so they are not here
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


def function_of(frame: str) -> str:
    """ "squashfs_cache_get" of "squashfs_cache_get+0x323 [squashfs]"; the compiler's suffixes
    (.constprop.0, .isra.0, .part.0) left out."""
    return frame.partition("+")[0].partition(".")[0]


def module_of(frame: str) -> str:
    """ "squashfs" of "squashfs_cache_get+0x323 [squashfs]"; empty of the kernel's own."""
    _, _, rest = frame.partition(" [")
    return rest.removesuffix("]")


def is_scheduler(function: str) -> bool:
    """Is it the scheduler's own?"""
    return _SCHEDULER.fullmatch(function) is not None


@lru_cache(maxsize=1 << 12)
def primitive_name(function: str) -> str | None:
    """The wait primitive that the function belongs to; None where it is none's."""
    for pattern, name in _PRIMITIVES:
        if pattern.fullmatch(function):
            return name
    return None

"""The signature of a finding: the same for the same problem, live, in a trace and in a log.

"hung-task mutex_lock do_last path_openat": the kind, then up to four functions from the innermost
on, without offsets, the compiler's suffixes (.isra.0) and module names, and without the frames that
say nothing of the problem: the scheduler's, those that print a stack, those of system call entry
and interrupts. It is stable over builds of a kernel, so that reports can be counted and searched
for by it; docs/log.md describes it for users.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import dropwhile

from ktrace.kernel.wait_functions import function_of, is_scheduler

_FRAMES = 4
_DUMP = r"_*dump_stack(_lvl)?|show_(stack|regs|trace)\w*|dump_(backtrace|trace)|unwind_backtrace"
_DUMPS = re.compile(_DUMP)
_PLUMBING = re.compile(
    rf"{_DUMP}"
    r"|print_(address_description|report|trace|usage_bug|circular_bug|deadlock_bug|memory)\w*"
    r"|k[am]san_\w+|__k[am]san_\w+|__asan_\w+|__msan_\w+|kcsan_\w+|__tsan_\w+|ubsan_\w+|__ubsan_\w+"
    r"|check_memory_region|end_report|kfence_\w+|handle_object_leak|slab_(bug|err|fix)"
    r"|(__)?warn\w*|report_bug|handle_bug|fixup_bug\w*|do_error_trap|do_trap|do_invalid_op|invalid_op"
    r"|refcount_warn_\w+|__list_(add|del_entry)_valid\w*"
    r"|panic|v?printk\w*|_printk|oops_\w+|__die\w*|die(_\w+)?|no_context|bad_area\w*|do_kern_addr_fault"
    r"|bad_page|lock_acquire|__lock_acquire|validate_chain|check_(prev_add|noncircular|deadlock)\w*"
    r"|(asm_)?(exc|sysvec|common)_\w+|do_(user_addr|page|kern)_?fault|__do_page_fault|page_fault"
    r"|entry_\w+|do_syscall_\w+|do_(int80|fast)_\w+|x64_sys_call|system_call\w*|sys(enter|call)_\w+"
    r"|invoke_syscall\w*|el[01]\w+|do_el0_svc\w*|ret_(from|fast|to|slow)\w*|kthread|irq_exit\w*"
    r"|apic_timer_interrupt|smp_apic\w+|nmi\w*|default_do_nmi|end_repeat_nmi"
)


def function_names(stack: Iterable[str]) -> list[str]:
    """Those that say something of a problem, innermost first."""
    return [*_names(tuple(stack))]


@lru_cache(maxsize=1 << 12)
def _names(stack: tuple[str, ...]) -> tuple[str, ...]:
    """Stacks repeat."""
    names = (function_of(frame) for frame in stack)
    return tuple(name for name in names if not is_scheduler(name) and not _PLUMBING.fullmatch(name))


def beneath_dump(stack: Sequence[str]) -> Sequence[str]:
    """Without the functions that print the stack; all of it where there are no others."""
    return [*dropwhile(lambda frame: _DUMPS.fullmatch(function_of(frame)), stack)] or stack


def signature(kind: str, stack: Iterable[str], *words: str) -> str:
    """Of a finding of that kind; words: what else tells it from others, such as an alarm's title
    where there is no stack."""
    names = function_names(stack)[:_FRAMES]
    return " ".join([kind, *filter(None, words), *names])

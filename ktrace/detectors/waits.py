"""What a sleeping thread waits in, from its stack and state."""

import functools

from ktrace.events import Stack, TaskState
from ktrace.findings import Wait
from ktrace.kernel.task_state import SIGKILL_WAKES
from ktrace.kernel.wait_functions import function_of, is_scheduler, primitive_name

_SUFFIX = {"killable": "_killable", "interruptible": "_interruptible", "idle": "_idle"}


def wait_of(sample: TaskState) -> Wait | None:
    """Where the thread waits; None while it runs, or without a stack."""
    if sample.state in ("running", "zombie") or not sample.stack:
        return None
    function, primitive = look_beneath((*sample.top, *sample.stack))
    return Wait(
        function=function,
        primitive=_primitive(sample, primitive),
        sigkill_wakes=bool(SIGKILL_WAKES.get(sample.state)),
    )


def _primitive(sample: TaskState, named: str | None) -> str:
    """wait_event, where no frame names another; "unknown" where none of the frames above the
    stack were seen, in which the kernel would have named it."""
    if sample.state_flags == "TASK_RUNNING":
        return "running"  # one that is dying
    if named is None and sample.source == "sampled" and not sample.top:
        return "unknown"
    return (named or "wait_event") + _suffixes(sample, named)


@functools.lru_cache(maxsize=1024)
def look_beneath(stack: Stack) -> tuple[str, str | None]:
    """The first function beneath the scheduler's and the primitive's own frames."""
    primitive = None
    functions = [function_of(frame) for frame in stack]
    for function in functions:
        if is_scheduler(function):
            continue
        name = primitive_name(function)
        if name is None:
            return function, primitive
        primitive = primitive or name
    return functions[-1], primitive


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
    frames = (*sample.top, *sample.stack[:6])
    timed = any("schedule_timeout" in function_of(frame) for frame in frames)
    # every completion sleeps in schedule_timeout(), mostly for ever
    return suffix + ("_timeout" if timed and primitive is None else "")

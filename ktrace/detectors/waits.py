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
    sampled = sample.source == "sampled"
    return _wait(sample.top, sample.stack, sample.state, sample.state_flags, sampled)


@functools.lru_cache(maxsize=1024)  # a stuck thread is looked at again and again
def _wait(top: Stack, stack: Stack, state: str, state_flags: str, sampled: bool) -> Wait:
    function, named = look_beneath((*top, *stack))
    if state_flags == "TASK_RUNNING":
        primitive = "running"  # one that is dying
    elif named is None and not top and (sampled or "+" not in stack[0]):  # no offset: of wchan
        primitive = "unknown"  # the frames in which the kernel would have named it were not seen
    else:
        frames = (*top, *stack[:6])
        primitive = (named or "wait_event") + _suffixes(frames, state, state_flags, named)
    return Wait(
        function=function,
        primitive=primitive,
        sigkill_wakes=bool(SIGKILL_WAKES.get(state)),
    )


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


def _suffixes(frames: Stack, state: str, state_flags: str, primitive: str | None) -> str:
    """ "_killable", "_timeout", ... as the family of include/linux/wait.h spells them."""
    if "TASK_WAKEKILL" in state_flags:
        suffix = "_killable"
    else:
        suffix = _SUFFIX.get(state, "")
        if state == "freezable":
            suffix = "_interruptible"
    if primitive is None and "TASK_FREEZABLE" in state_flags:
        suffix = suffix.replace("_interruptible", "") + "_freezable"
    timed = any("schedule_timeout" in function_of(frame) for frame in frames)
    # every completion sleeps in schedule_timeout(), mostly for ever
    return suffix + ("_timeout" if timed and primitive is None else "")

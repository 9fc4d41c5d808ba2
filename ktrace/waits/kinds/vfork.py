"""A parent in vfork(): it waits until the child executes a program or exits, kernel/fork.c."""

from ktrace.waits.completions import WANTS, completion_of
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.sleeper import Sleeper

_MOST_CHILDREN = 1000
_WHY = "is the vfork() child, which has neither executed a program nor exited"


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if not sleeper.is_in("wait_for_vfork_done", "kernel_clone", "_do_fork"):
        return None
    completion = completion_of(sleeper, kernel)
    if completion is None:
        return None
    child = _child(sleeper.address, completion, kernel)
    return Found(
        "vfork",
        completion,
        "the child of a vfork()",
        ("completion on its stack", *(("task_struct.vfork_done of the child",) if child else ())),
        ((child, _WHY),) if child else (),
    )


def _child(parent: int, completion: int, kernel: Kernel) -> KernelTask | None:
    """The child whose vfork_done is that completion."""
    layout = kernel.layout
    head = parent + layout["task_struct.children"]
    at = kernel.pointer(head)
    for _ in range(_MOST_CHILDREN):
        if not at or at == head:
            return None
        child = at - layout["task_struct.sibling"]
        if kernel.member(child, "task_struct.vfork_done") == completion:
            return kernel.task(child)
        at = kernel.pointer(at)
    return None


KIND = Kind(
    "vfork",
    (*WANTS, "task_struct.children", "task_struct.sibling", "task_struct.vfork_done"),
    _read,
    tells="that it is the child of a `vfork()`",
    holder="the child",
    released="the child; `kill`",
    seen="6.1, 6.12, 6.18, 7.2",
)

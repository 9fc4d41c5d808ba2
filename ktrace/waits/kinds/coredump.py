"""A core dump: the dumper waits for the other threads, they wait for it, fs/coredump.c."""

from ktrace.waits.completions import WANTS, completion_of
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.open_files import threads_of
from ktrace.waits.sleeper import Sleeper

_THREADS = ("coredump_task_exit", "do_exit", "exit_mm")  # the first is inlined into the others
_DUMPERS = ("coredump_wait", "do_coredump", "vfs_coredump")  # the first may be inlined too
# until v5.16 core_state was the mm's, 0258b5fd7c71 ("coredump: Limit coredumps to a single thread
# group") moved it
_OWNERS = ("signal_struct.core_state", "mm_struct.core_state")
_MOST_THREADS = 1000
_MISSING = "is a thread of the process, and has not stopped for the core dump"


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    state = _core_state(sleeper.address, kernel)
    if not state:
        return None
    if sleeper.is_in(*_DUMPERS):
        return _dumper(sleeper, state, kernel)
    return _thread(sleeper, state, kernel) if sleeper.is_in(*_THREADS) else None


def _dumper(sleeper: Sleeper, state: int, kernel: Kernel) -> Found | None:
    """coredump_wait() waits in core_state.startup until the last has come."""
    if completion_of(sleeper, kernel) != state + kernel.layout["core_state.startup"]:
        return None
    came = {task for task, _ in _arrived(state, kernel)}
    threads = [task for task in threads_of(kernel, sleeper.address) if task not in came]
    missing = [task for task in map(kernel.task, threads) if task and _lives(task, kernel)]
    return Found(
        "coredump",
        state,
        "the other threads of the process, so that its core can be dumped",
        ("core_state.startup on its stack", "core_state.dumper"),
        tuple((task, _MISSING) for task in missing if task.tid != sleeper.tid),
    )


def _thread(sleeper: Sleeper, state: int, kernel: Kernel) -> Found | None:
    """coredump_task_exit() lists itself in core_state.dumper, from a struct on its stack."""
    listed = any(
        task == sleeper.address and sleeper.has(at) for task, at in _arrived(state, kernel)
    )
    dumper = kernel.task(kernel.member(state, "core_state.dumper") or 0)
    if not listed or dumper is None:
        return None
    return Found(
        "coredump",
        state,
        "the end of its process's core dump",
        ("core_thread on its stack", "core_state.dumper"),
        ((dumper, "dumps the core"),),
    )


def _core_state(task: int, kernel: Kernel) -> int:
    for path in _OWNERS:
        if kernel.layout.has(path):
            owner = "task_struct.signal" if path.startswith("signal") else "task_struct.mm"
            at = kernel.member(task, owner)
            return kernel.member(at, path) or 0 if at else 0
    return 0


def _arrived(state: int, kernel: Kernel) -> list[tuple[int, int]]:
    """task, and its struct core_thread, of the dumper and of all that have come."""
    found: list[tuple[int, int]] = []
    at = state + kernel.layout["core_state.dumper"]
    while at and len(found) < _MOST_THREADS:
        task = kernel.member(at, "core_thread.task")
        if not task:
            break
        found.append((task, at))
        at = kernel.member(at, "core_thread.next") or 0
    return found


def _lives(task: KernelTask, kernel: Kernel) -> bool:
    return not kernel.number(task.address, "task_struct.exit_state")


KIND = Kind(
    "coredump",
    (
        *WANTS,
        *_OWNERS,
        "core_state.startup",
        "core_state.dumper",
        "core_thread.task",
        "core_thread.next",
        "task_struct.mm",
        "task_struct.exit_state",
    ),
    _read,
    tells="that it is the dump of its process",
    holder="the threads that have not stopped; the dumper",
    released="them",
    seen="6.12, 6.18, 7.2",
)

"""The end of a task that has used io_uring: io_uring_cancel_generic() of io_uring/io_uring.c, and
io_wq_put_and_exit() of io_uring/io-wq.c."""

from ktrace.waits.files import WANTS, file_text
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.open_files import threads_of
from ktrace.waits.sleeper import Sleeper

_FUNCTIONS = ("io_wq_put_and_exit", "io_wq_exit_workers", "io_uring_cancel_generic")
_PF_IO_WORKER = 0x10  # include/linux/sched.h, since v5.12, when workers became threads
_MOST_WORKERS = 64


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if sleeper.function not in _FUNCTIONS:
        return None
    threads = threads_of(kernel, sleeper.address)
    workers = [task for task in threads if _is_worker(task, kernel)][:_MOST_WORKERS]
    named = [(task, at) for at in workers if (task := kernel.task(at))]
    context = kernel.member(sleeper.address, "task_struct.io_uring") or 0
    return Found(
        "io-uring",
        context,
        f"its io_uring requests to end, of which workers run {len(named)}",
        ("task_struct.io_uring", *(("io_worker.cur_work",) if named else ())),
        tuple((task, _why(at, kernel)) for task, at in named),
    )


def _is_worker(task: int, kernel: Kernel) -> bool:
    return bool((kernel.number(task, "task_struct.flags") or 0) & _PF_IO_WORKER)


def _why(task: int, kernel: Kernel) -> str:
    """Its request: what it does, on which file."""
    worker = kernel.member(task, "task_struct.worker_private")
    work = kernel.member(worker, "io_worker.cur_work") if worker else None
    if not work:
        return "is an io_uring worker of the process, and has not ended"
    request = work - kernel.layout["io_kiocb.work"]
    number = kernel.memory.read(request + kernel.layout["io_kiocb.opcode"], 1)
    names = {value: name for name, value in kernel.enums.get("io_uring_op", {}).items()}
    name = names.get(number[0] if number else -1, "a request")
    file = file_text(kernel, kernel.member(request, "io_kiocb.file") or 0)
    return f"runs {name}" + (f" on {file}" if file else "")


KIND = Kind(
    "io-uring",
    (
        *WANTS,
        "task_struct.flags",
        "task_struct.io_uring",
        "task_struct.worker_private",
        "io_worker.cur_work",
        "io_kiocb.work",
        "io_kiocb.opcode",
        "io_kiocb.file",
    ),
    _read,
    tells="how many requests workers run",
    holder="the workers that have not ended, with the request of each and its file",
    released="the file or device of the request",
    seen="5.10, 6.12, 6.18, 7.2",
)

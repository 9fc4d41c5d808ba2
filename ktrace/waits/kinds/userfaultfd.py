"""A page fault that a userfaultfd handler has to serve: handle_userfault(), fs/userfaultfd.c."""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.open_files import Opened, opened
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_entry

_HANDLER = "has the userfaultfd open, by which the page fault is served"


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    """The entry lies in a struct userfaultfd_wait_queue, whose ctx is the file's private_data."""
    entry = queue_entry(sleeper, kernel, "userfaultfd_wake_function")
    if entry is None:
        return None
    layout = kernel.layout
    base = entry.address - layout["userfaultfd_wait_queue.wq"]
    context = sleeper.word(base + layout["userfaultfd_wait_queue.ctx"])
    if not context:
        return None
    address = sleeper.wide(base + layout["uffd_msg.arg.pagefault.address"])
    found = opened(kernel, sleeper.address, [context])
    where = f"a page fault at {address:#x}" if address else "a page fault"
    return Found(
        "userfaultfd",
        context,
        where + _who_serves(found, sleeper),
        (
            "userfaultfd_wait_queue on its stack",
            *(("userfaultfd_ctx in a descriptor table",) if found.files else ()),
        ),
        tuple((task, _HANDLER) for task in found.tasks),
    )


def _who_serves(found: Opened, sleeper: Sleeper) -> str:
    """Where no holder tells it."""
    if not found.files:
        return ", which no process can serve" if found.whole else ", whose handler is not known"
    own = all(task.pid == sleeper.pid for task in found.tasks)
    return ", which only its own process can serve" if own and found.whole else ""


KIND = Kind(
    "userfaultfd",
    (
        *WANTS,
        "userfaultfd_wait_queue.wq",
        "userfaultfd_wait_queue.ctx",
        "uffd_msg.arg.pagefault.address",
    ),
    _read,
    tells="the faulting address",
    holder="the processes that have the userfaultfd open",
    released="the handler; `kill`",
    seen="5.10, 6.12, 6.18, 7.2",
)

"""Who holds an mmap_lock for reading: a thread whose stack lies inside a page fault, most likely.

The kernel keeps only the newest reader of a rwsem. handle_mm_fault() runs with the mmap_lock held
for reading, or since v6.4 with the lock of the area alone, which looks the same on the stack: so
this is never certain.
"""

from collections.abc import Iterable

from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.lists import members

INSIDE = "page fault"  # Holder.within
_FAULT = frozenset({"handle_mm_fault", "__handle_mm_fault", "__get_user_pages"})
# These let go of it before they sleep: fs/userfaultfd.c, mm/filemap.c
_LET_GO = frozenset({"handle_userfault", "__folio_lock_or_retry", "__lock_page_or_retry"})
_MOST = 64  # threads of the process

WANTS = (
    "mm_struct.mmap_lock",
    "mm_struct.owner",
    "task_struct.mm",
    "task_struct.signal",
    "task_struct.thread_node",
    "signal_struct.thread_head",
)


def is_inside(functions: Iterable[str]) -> bool:
    """functions: of a sleeper's stack."""
    found = {*functions}
    return not found.isdisjoint(_FAULT) and found.isdisjoint(_LET_GO)


def owner_of(kernel: Kernel, mm: int) -> KernelTask | None:
    """The leader of the process that an mm_struct is of (CONFIG_MEMCG), whose mm it must be."""
    if not kernel.layout.has("mm_struct.owner", "task_struct.mm"):
        return None
    address = kernel.member(mm, "mm_struct.owner")
    task = kernel.task(address) if address else None
    if task is None or kernel.member(task.address, "task_struct.mm") != mm:
        return None
    return task


def users_of(kernel: Kernel, mmap_lock: int) -> list[KernelTask]:
    """The first threads of the process whose mmap_lock this is; none where it is no mmap_lock."""
    layout = kernel.layout
    if not layout.has(*WANTS):
        return []
    owner = owner_of(kernel, mmap_lock - layout["mm_struct.mmap_lock"])
    signal = kernel.member(owner.address, "task_struct.signal") if owner else None
    if not signal:
        return []
    nodes, _ = members(kernel, signal + layout["signal_struct.thread_head"], _MOST)
    found = (kernel.task(node - layout["task_struct.thread_node"]) for node in nodes)
    return [task for task in found if task]

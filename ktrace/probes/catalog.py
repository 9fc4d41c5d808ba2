"""What each hook is for: what is lost without it, what stands in for it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ktrace.record import record

if TYPE_CHECKING:
    from ktrace.findings import Probe


@record
class Purpose:
    """Of a hooked function or tracepoint."""

    gives: str
    without: str  # what the user loses
    module: str = ""  # where the function lives when it is not in the kernel image
    formerly: str = ""  # what the function was called on older kernels, where that is hooked, too
    hooked: bool = True  # False: nothing to hook, a condition to check
    hot: str = ""  # the BPF object that has it, which only commands that need it load


PAGE_CHECKS = "page checks"
KERNEL_LOG = "kernel log"
ALLOCATIONS = "allocations"
SQUASHFS_USE = "squashfs_use"

PURPOSES: dict[str, Purpose] = {
    "task": Purpose(
        "killed threads that are still alive, and uninterruptible sleepers (iter/task)",
        "tasks that were asleep when they were killed are not seen",
    ),
    "signal_generate": Purpose(
        "who sends SIGKILL to whom, and when",
        "senders and exact times of kills are unknown",
    ),
    "sched_switch": Purpose(
        "when a killed thread sleeps again, runs on in the kernel, or is dead",
        "times of death are those of the next walk; the exit signal is unknown",
    ),
    "sched_process_exit": Purpose(
        "when a killed thread releases its mm", "that step is missing from the timeline"
    ),
    "sched_process_hang": Purpose(
        "what khungtaskd finds", "khungtaskd's reports are only in the kernel log"
    ),
    "oom_kill_process": Purpose(
        "the OOM killer's choice: memory, score, order, gfp flags, cgroup",
        "of an OOM kill only victim, invoker and time are known, from oom:mark_victim",
    ),
    "out_of_memory": Purpose(
        "every call of the OOM killer, also those that kill nobody",
        "calls that kill nobody are not counted",
    ),
    "out_of_memory:return": Purpose(
        "the result of each call: a kill, no killable process, waiting for a previous victim",
        "why a call kills nobody can only be inferred from the tasks of its domain",
    ),
    "reclaim_retry_zone": Purpose(
        "allocations that reclaim again and again before the OOM killer is called",
        "reclaim that goes on for ever is not seen",
    ),
    "compact_retry": Purpose(
        "allocations of higher order that compact again and again",
        "compaction that goes on for ever is not seen",
    ),
    "oom_score_adj_update": Purpose(
        "who sets a task's oom_score_adj", "who protected a task from the OOM killer is unknown"
    ),
    "mark_victim": Purpose(
        "who became an OOM victim, and for whom", "OOM kills look like any other SIGKILL"
    ),
    "wake_reaper": Purpose("the OOM reaper is woken", "that step is missing"),
    "start_task_reaping": Purpose("the OOM reaper starts", "that step is missing"),
    "finish_task_reaping": Purpose("the OOM reaper has finished", "that step is missing"),
    "skip_task_reaping": Purpose("the OOM reaper had nothing to do", "that step is missing"),
    "bad_page": Purpose(
        "pages in an invalid state",
        "bad pages are only in the kernel log: `ktrace dmesg`",
    ),
    PAGE_CHECKS: Purpose(
        "the kernel's own look at each page that it hands out or takes back",
        "the kernel reports no bad page",
        hooked=False,
    ),
    KERNEL_LOG: Purpose(
        "bad pages of this boot from before the run",
        "bad pages that the kernel log has already are not known",
        hooked=False,
    ),
    "squashfs_cache_get": Purpose(
        "which cache and block a thread waits for, and so what blocks it",
        "waits in it still show in the stacks; who blocks it is unknown",
        module="squashfs",
    ),
    "block_bio_queue": Purpose(
        "who submits which block I/O, for wait chains",
        "whose request it is that a task waits for is unknown",
    ),
    "mm_page_alloc": Purpose(
        "large blocks of pages: who asks for them, and which requests fail",
        "large allocations are not seen",
        hot=ALLOCATIONS,
    ),
    "mm_page_free": Purpose(
        "when they are freed", "which of them are still in use is unknown", hot=ALLOCATIONS
    ),
    "mm_vmscan_direct_reclaim_begin": Purpose(
        "large allocations that reclaim memory themselves",
        "how long they wait for reclaim is unknown",
        hot=ALLOCATIONS,
    ),
    "mm_vmscan_direct_reclaim_end": Purpose(
        "how long that takes", "how much of a wait is reclaim is unknown", hot=ALLOCATIONS
    ),
    "mm_compaction_try_to_compact_pages": Purpose(
        "large allocations that compact memory themselves",
        "how long they wait for compaction is unknown",
        hot=ALLOCATIONS,
    ),
    "mm_compaction_begin": Purpose(
        "the compaction of a zone", "how much of a wait is compaction is unknown", hot=ALLOCATIONS
    ),
    "mm_compaction_end": Purpose(
        "how long that takes", "how much of a wait is compaction is unknown", hot=ALLOCATIONS
    ),
    "mm_page_alloc_extfrag": Purpose(
        "free blocks that one migrate type takes from another, and for whom",
        "who mixes the migrate types is unknown",
        hot=ALLOCATIONS,
    ),
    "alloc_vmap_area": Purpose(
        "large areas of vmalloc and vmap", "vmalloc and vmap are not seen", hot=ALLOCATIONS
    ),
    "free_vmap_area_noflush": Purpose(
        "when they are freed", "which of them are still in use is unknown", hot=ALLOCATIONS
    ),
    "percpu_alloc_percpu": Purpose(
        "large per-CPU allocations", "per-CPU allocations are not seen", hot=ALLOCATIONS
    ),
    "percpu_alloc_percpu_fail": Purpose(
        "per-CPU allocations that fail",
        "failed per-CPU allocations are not seen",
        hot=ALLOCATIONS,
    ),
    "percpu_free_percpu": Purpose(
        "when they are freed", "which of them are still in use is unknown", hot=ALLOCATIONS
    ),
    "warn_alloc": Purpose(
        "failures that the kernel reports in its log, those of vmalloc too",
        "which failures are in the kernel log is unknown",
        hot=ALLOCATIONS,
    ),
    "squashfs_read_data": Purpose(
        "which blocks are read and decompressed, and which of them again",
        "thrash of squashfs is not seen",
        module="squashfs",
        hot=SQUASHFS_USE,
    ),
    "squashfs_decompress": Purpose(
        "how long a block takes to come from the disk",
        "times of the disk and of decompressing are not told apart",
        module="squashfs",
        hot=SQUASHFS_USE,
    ),
    "squashfs_copy_data": Purpose(
        "how much is used of what was decompressed, and when a wait for a cache ended",
        "what was used is not measured; waits count until the entry is given back",
        module="squashfs",
        hot=SQUASHFS_USE,
    ),
    "squashfs_cache_put": Purpose(
        "how long entries of squashfs's caches are held",
        "calls of its caches are not counted",
        module="squashfs",
        hot=SQUASHFS_USE,
    ),
    "squashfs_readahead": Purpose(
        "for which files blocks are read",
        "files are known by single pages alone",
        module="squashfs",
        hot=SQUASHFS_USE,
    ),
    "squashfs_read_folio": Purpose(
        "the same, of single pages",
        "files are known by readahead alone",
        module="squashfs",
        hot=SQUASHFS_USE,
        formerly="squashfs_readpage",
    ),
}


_NAMES = {about.formerly: name for name, about in PURPOSES.items() if about.formerly}


def purpose(function: str) -> Purpose:
    """Of a function; a neutral one where the catalogue has none."""
    return PURPOSES.get(_NAMES.get(function, function), Purpose("-", "-"))


def hooked(hot: Sequence[str]) -> list[str]:
    """All functions to hook, those of these hot objects among them."""
    return [
        name
        for name, purpose in PURPOSES.items()
        if purpose.hooked and (not purpose.hot or purpose.hot in hot)
    ]


HOT_OBJECTS = tuple(dict.fromkeys(purpose.hot for purpose in PURPOSES.values() if purpose.hot))


def one_of_each(probes: "list[Probe]") -> "list[Probe]":
    """Of a function that has had another name, the probe on the one that this kernel has."""
    by_name = {probe.function: probe for probe in probes}
    for former, name in _NAMES.items():
        if former in by_name and name in by_name:
            del by_name[name if by_name[former].state == "attached" else former]
    return [*by_name.values()]

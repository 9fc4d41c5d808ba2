"""Large allocations in words: who, what, what came of it."""

from ktrace.detectors.fragmentation import fragmentation_index
from ktrace.events import AllocationSite, FreeBlocks, Steal
from ktrace.findings import LargeAllocation, ZoneState
from ktrace.views import words
from ktrace.views.safe_text import safe

_FRAGMENTED = 0.5  # vm.extfrag_threshold's default, beyond which the kernel compacts


def place(function: str, module: str) -> str:
    """ "alloc_ring() of nic"."""
    name = f"{safe(function)}()" if function else "an unknown function"
    return name + (f" of module {safe(module)}" if module else "")


def request(finding: LargeAllocation) -> str:
    """ "order 4 (64 KiB, kmalloc)", "160 KiB of vmalloc"."""
    if finding.what == "pages":
        kind = "" if finding.use == "pages" else f", {safe(finding.use)}"
        return f"order {finding.order} ({words.size(finding.size_kib * 1024)}{kind})"
    return f"{words.size(finding.size_kib * 1024)} of {safe(finding.use)}"


def who(finding: LargeAllocation) -> str:
    name = words.task_name(finding.comm, finding.pid, finding.tid)
    return f"an interrupt, while {name} ran" if finding.interrupt else name


def outcome(finding: LargeAllocation) -> str:
    """ "12 of 40 failed", "waited for 1.2s"."""
    parts = []
    if finding.reason == "oom" and finding.victim:
        parts.append(f"the OOM killer killed {words.name_of(finding.victim)} for it")
    if finding.failed:
        parts.append(f"{finding.failed} of {finding.calls} failed")
    if finding.waited:
        parts.append(f"waited {words.seconds(finding.longest_s)} at the longest")
    return ", ".join(parts) or f"{words.count(finding.calls, 'call')}"


def waits(finding: LargeAllocation) -> str:
    """How long, and where the time went."""
    if not finding.waited:
        if finding.may_wait is False:
            return "it may not wait: its flags have no __GFP_DIRECT_RECLAIM"
        return "it reclaimed and compacted nothing itself"
    rest = max(0.0, finding.waited_s - finding.reclaim_s - finding.compaction_s)
    return (
        f"{words.count(finding.waited, 'call')} waited {words.seconds(finding.waited_s)} in all: "
        f"{words.seconds(finding.compaction_s)} in compaction, "
        f"{words.seconds(finding.reclaim_s)} in reclaim, {words.seconds(rest)} between them"
    )


def zone(state: ZoneState, order: int) -> str:
    """ "node 0 Normal: 80.0 MiB free, none of it in blocks of order 4, ... index 0.95"."""
    name = f"node {state.node} {safe(state.zone)}: {words.size(state.free_kib * 1024)} free"
    if not state.free_kib:
        return name
    if state.index is None:
        return (
            f"{name}, which gives {words.count(state.suitable, 'block')} of order {order}; "
            f"{_percent(state.unusable_kib, state.free_kib)} of it in smaller ones"
        )
    return (
        f"{name}, and no block of order {order}: the largest has "
        f"{words.size(state.largest_kib * 1024)}; fragmentation index {index(state.index)}"
    )


def index(value: float | None) -> str:
    """ "0.95", which would fail by fragmentation; "-" where nothing would fail."""
    return "-" if value is None else f"{value:.2f}"


def why(finding: LargeAllocation) -> str:
    """What the zones' numbers say about it, and how certain that is; "" where they say nothing."""
    short = [state for state in finding.zones if state.index is not None and state.index > 0]
    if not finding.zones:
        return "the free blocks before it are not known"
    if any(state.index is None for state in finding.zones):
        if not short:
            return (
                f"{_before(finding)} every zone had blocks of that order: they were taken "
                "meanwhile, or a watermark, a migrate type or a limit kept them from it"
            )
        return (
            "some zone had blocks of that order: the request may not be allowed to take them, or a "
            "watermark or a migrate type kept them from it"
        )
    worst = max(finding.zones, key=lambda state: state.free_kib)
    if worst.index is not None and worst.index > _FRAGMENTED:
        free = words.size(sum(state.free_kib for state in finding.zones) * 1024)
        return f"fragmentation: {free} were free, in blocks that are too small"
    return "too little memory was free, whatever the size of its blocks"


def _before(finding: LargeAllocation) -> str:
    """ "0.8s before,": when the free blocks were looked at."""
    at = finding.failed_t if finding.reason == "failed" else finding.killed_t
    if at is None or finding.looked_t is None:
        return "when ktrace looked,"
    away = words.seconds(abs(at - finding.looked_t))
    return f"{away} before," if finding.looked_t <= at else f"{away} after it,"


def steal(found: Steal, page_kib: int) -> str:
    """ "dd[20] took 12 blocks (1.5 MiB) of Movable for Unmovable"."""
    whole = f", {found.whole} of them whole pageblocks" if found.whole else ""
    return (
        f"{words.name_of(found.task)} took {words.count(found.count, 'free block')} "
        f"({words.size(found.pages * page_kib * 1024)}{whole}) of {safe(found.taken_from)} for "
        f"{safe(found.taken_for)}"
    )


def site_name(site: AllocationSite) -> str:
    """The task, or that it was an interrupt."""
    return "(interrupt)" if site.interrupt else words.name_of(site.task)


def block_rows(look: FreeBlocks, order: int) -> list[list[str]]:
    """A table: of each zone the free blocks by order, and its index for the order asked."""
    sizes = max((len(zone.free) for zone in look.zones), default=0)
    head = ["FREE BLOCKS", *(str(size) for size in range(sizes)), "FREE", f"INDEX({order})"]
    rows = [head]
    for found in look.zones:
        free = sum(count << size_ for size_, count in enumerate(found.free))
        counts = [str(count) for count in found.free] + [""] * (sizes - len(found.free))
        value = fragmentation_index(found.free, order) if free else 0.0
        name = f"{found.node} {safe(found.zone)}"
        rows.append([name, *counts, words.size(free * look.page_kib * 1024), index(value)])
    return rows


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"

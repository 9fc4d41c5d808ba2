"""A report of the OOM killer in a kernel log as text: what was killed, who invoked it, and why."""

from ktrace.detectors.oom_facts import facts_of_report
from ktrace.events import OomReport
from ktrace.kernel.gfp_eras import gfp_names
from ktrace.kernel.release import release_of
from ktrace.views import words
from ktrace.views.alarm_text import where
from ktrace.views.oom_cause_text import report_why
from ktrace.views.safe_text import safe


def line(event: OomReport) -> str:
    """ "OOM kill: appd[377], anon 41 MiB, order 0 GFP_KERNEL, invoked by sh[388]"."""
    parts = [_outcome(event)]
    if event.memcg:
        parts.append(f"memory cgroup {safe(event.memcg)}")
    if event.group:
        parts.append("with its group (memory.oom.group)")
    for label, kib in (
        ("anon", event.anon_rss_kib),
        ("file", event.file_rss_kib),
        ("shmem", event.shmem_rss_kib),
    ):
        if kib is not None:
            parts.append(f"{label} {words.mebibytes(kib)}")
    if event.order is not None and not event.manual:
        parts.append(f"order {event.order} {safe(_gfp(event))}".rstrip())
    if event.constraint:
        parts.append(safe(event.constraint))
    if event.cgroup:
        parts.append(f"cgroup {safe(event.cgroup)}")
    if event.by:
        parts.append(f"invoked by {words.task_name(event.by.comm, event.by.pid or None)}")
    return ", ".join(parts) + where(event.lines)


def details(event: OomReport) -> list[str]:
    """Why: free memory against the zone's minimum, swap, slab, the cgroup's limit, who had most."""
    why = report_why(event, facts_of_report(event))
    lines = [f"why: {why}" if why else "", _memory(event), _largest(event)]
    return [line for line in lines if line]


def _outcome(event: OomReport) -> str:
    if event.victim:
        return f"OOM kill: {words.name_of(event.victim)}"
    lead = "OOM by SysRq-f" if event.manual else "OOM"
    if event.panic:
        return f"{lead}: the kernel panicked ({safe(event.panic)})"
    if event.nobody:
        return f"{lead}: no killable processes"
    return f"{lead}: no victim in the log"


def _gfp(event: OomReport) -> str:
    if event.gfp or not event.gfp_mask:
        return event.gfp or ""
    names = gfp_names(int(event.gfp_mask, 16), release_of(event.kernel))
    return names or event.gfp_mask


def _memory(event: OomReport) -> str:
    known = {count.name: count.kib for count in event.memory}
    parts = []
    for name, kib in known.items():
        zone, _, what = name.partition(" ")
        if what == "free" and f"{zone} min" in known:
            minimum = known[f"{zone} min"]
            under = "below" if kib < minimum else "above"
            parts.append(
                f"{safe(zone)} {words.mebibytes(kib)} free, {under} its minimum "
                f"of {words.mebibytes(minimum)}"
            )
        elif what == "usage" and f"{zone} limit" in known and zone != "kmem":
            limit = known[f"{zone} limit"]
            shown = words.mebibytes(limit) if limit < 1 << 50 else "none"
            parts.append(f"{safe(zone)} {words.mebibytes(kib)}, limit {shown}")
    if known.get("swap total"):
        free, total = known.get("swap free", 0), known["swap total"]
        parts.append(f"swap {words.mebibytes(free)} of {words.mebibytes(total)} free")
    elif "swap total" in known:
        parts.append("no swap")
    for name in ("slab_unreclaimable", "shmem"):
        if name in known:
            parts.append(f"{name} {words.mebibytes(known[name])}")
    return "; ".join(parts)


def _largest(event: OomReport) -> str:
    if not event.tasks:
        return ""
    tasks = ", ".join(
        f"{words.task_name(task.comm, task.pid)} {task.rss_pages}" for task in event.tasks
    )
    return f"most resident pages: {tasks}"

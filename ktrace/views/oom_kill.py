"""How the views show kills for want of memory."""

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.kills.policy import DAEMONS
from ktrace.detectors.oom_kills import OomKills
from ktrace.findings import OomKillFinding
from ktrace.views import words
from ktrace.views.safe_text import safe

_POLICIES = {
    "machine": "the kernel: the machine was out of memory",
    "memory-cgroup": "the kernel: a memory cgroup had reached its limit",
    "cpuset": "the kernel: the nodes of a cpuset were out of memory",
    "memory-policy": "the kernel: the nodes of a memory policy were out of memory",
    "sysrq-f": "the kernel: SysRq-f asked for it",
    "kernel": "the kernel",
}


def line(finding: OomKillFinding) -> str:
    """ "OOM KILL: appd[20], by the kernel: a memory cgroup had reached its limit"."""
    name = words.task_name(finding.comm, finding.pid)
    if finding.status == "resolved":
        return f"OOM kill over: {name} {_end(finding)}"
    if finding.status == "update":
        return "; ".join([f"OOM kill of {name}", *_memory(finding)])
    return f"OOM KILL: {name}, by {_POLICIES.get(finding.policy, safe(finding.policy))}"


def details(finding: OomKillFinding) -> list[str]:
    """Where it belongs, and who invoked it or sent the signal."""
    return [text for text in (words.belongs_to(finding), _by(finding)) if text]


def _memory(finding: OomKillFinding) -> list[str]:
    """PSI before the kill, and zones that were below their low watermark."""
    lines = []
    if finding.stalled and finding.stalled_over_s:
        some, full = finding.stalled.some_s, finding.stalled.full_s
        lines.append(
            f"in the {words.seconds(finding.stalled_over_s)} before, some task waited for memory "
            f"{words.seconds(some)}, all did {words.seconds(full)}"
        )
    short = [zone for zone in finding.zones if zone.free_kib < zone.low_kib]
    lines += [
        f"node {zone.node} {safe(zone.name)}: {zone.free_kib} KiB free (min {zone.min_kib}, "
        f"low {zone.low_kib}, high {zone.high_kib})"
        for zone in short
    ]
    if finding.zones and not short:
        lines.append("no zone was below its low watermark")
    return lines


def prose(finding: OomKillFinding) -> dict[str, list[str]]:
    return {}


def summary(analysis: Analysis, brief: bool) -> list[str]:
    """Those of the kernel are in the summary of stuck tasks."""
    daemons = analysis.of(OomKills).daemon_kills
    return [f"{words.count(daemons, 'process')} killed by daemons for want of memory"] * bool(
        daemons
    )


def _by(finding: OomKillFinding) -> str:
    if finding.by is None:
        return ""
    verb = "sent by" if finding.policy in DAEMONS else "invoked by"
    return f"{verb} {words.name_of(finding.by)}"


def _end(finding: OomKillFinding) -> str:
    if finding.died_after_s is None:
        return "is gone"
    freed = finding.memory_freed_after_s
    text = f"died {words.seconds(finding.died_after_s)} after SIGKILL"
    return text + (
        f", its memory was free after {words.seconds(freed)}" if freed is not None else ""
    )

"""Processes that were killed for want of memory."""

from typing import ClassVar

from ktrace.events import Stalled, Task, Zone
from ktrace.findings.finding import Finding
from ktrace.record import record


@record(kw_only=True)
class OomKillFinding(Finding):
    """A kill by the kernel's OOM killer, or by a daemon that does its work. Sizes are KiB.

    Resolved when the last thread is dead, or gone. None: not known.
    """

    finding: ClassVar[str] = "oom-kill"
    pid: int
    comm: str
    # machine, memory-cgroup, cpuset, memory-policy: what had run out of memory; sysrq-f; kernel:
    # one of these; systemd-oomd, earlyoom, ...: that daemon, by the name of the sender
    policy: str
    by: Task | None  # who invoked the OOM killer, or sent the signal
    killed_t: float | None
    domain: str | None  # path of the memory cgroup at its limit
    order: int | None
    gfp: str | None
    oom_score_adj: int | None
    anon_rss_kib: int | None
    file_rss_kib: int | None
    shmem_rss_kib: int | None
    died_after_s: float | None  # since SIGKILL
    memory_freed_after_s: float | None  # since SIGKILL, the last user of the mm has released it
    zones: tuple[Zone, ...]  # with their watermarks, before the kill; empty: not known, or not yet
    stalled: Stalled | None  # tasks that waited for memory (PSI), within stalled_over_s
    stalled_over_s: float | None  # seconds before the kill
    cause: str | None = None  # docs/how/oom-kill.md; "": not known; None: nobody looked
    grown_kib: int | None = None  # anonymous memory of the cgroup at its limit, or the machine
    grown_over_s: float | None = None  # within these seconds before
    cgroup: str | None = None  # what is next is as of a StuckTask
    unit: str | None = None
    container: str | None = None
    runtime: str | None = None
    pod: str | None = None
    container_name: str | None = None
    pod_name: str | None = None
    namespace: str | None = None

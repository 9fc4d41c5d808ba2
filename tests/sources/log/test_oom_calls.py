"""Reports of the OOM killer in a log, counted for the livelock detector."""

import pytest

from ktrace.events import OomReport, Task
from ktrace.sources.log.oom_calls import OomCalls

pytestmark = pytest.mark.unit


def report(t: float, *, nobody: bool = True, memcg: str | None = "/heirs") -> OomReport:
    sizes = dict.fromkeys(
        ("total_vm_kib", "anon_rss_kib", "file_rss_kib", "shmem_rss_kib", "pgtables_kib")
    )
    return OomReport(
        t=t,
        boot="boot 1 of the log",
        kernel="6.1.0",
        by=Task(0, 0, "heir"),
        victim=None if nobody else Task(7, 7, "hog"),
        order=0,
        gfp="GFP_KERNEL",
        gfp_mask="0xcc0",
        constraint=None,
        cgroup=None,
        uid=None,
        oom_score_adj=None,
        memcg=memcg,
        nobody=nobody,
        **sizes,
    )


def test_counts_go_on() -> None:
    calls = OomCalls()
    calls.count(report(1.0))
    calls.count(report(2.0, nobody=False))
    activity = calls.count(report(3.5))
    assert (activity.first_t, activity.last_t) == (1.0, 3.5)
    assert (activity.calls, activity.nobody, activity.killed) == (3, 2, 1)
    assert activity.constraint == "CONSTRAINT_MEMCG"


def test_domains_are_apart() -> None:
    calls = OomCalls()
    calls.count(report(1.0))
    assert calls.count(report(2.0, memcg=None)).calls == 1
    assert calls.count(report(3.0)).calls == 2

"""What `ktrace dmesg` shows of OOM reports and of SysRq's lists of tasks."""

from __future__ import annotations

import io

import pytest

from ktrace.events import OomReaped, OomReport, OomUnreaped, Task, TaskDump
from ktrace.sources.log.source import KernelLogSource
from ktrace.views import oom_report_text
from ktrace.views.oom_groups import AlikeOoms, reaped_line
from ktrace.views.task_dump_text import TaskDumps
from tests.sources.log.samples import OOM_6_1, events_of, stamped

pytestmark = pytest.mark.unit

# mm/page_alloc.c, show_free_areas(), and mm/oom_kill.c, dump_tasks(), v6.1
MEMORY = """\
Mem-Info:
 slab_reclaimable:1000 slab_unreclaimable:2048
Node 0 DMA32 free:1000kB boost:0kB min:2048kB low:2560kB high:3072kB
Node 0 DMA32: 10*4kB (U) 2*8kB (UM) 0*16kB = 56kB
Free swap  = 0kB
Total swap = 524284kB
[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[    377]  1000   377    12500    10496   122880        0           300 app,d
[    388]     0   388      600      100    45056        0             0 sh
"""


def reaped(pid: int, boot: str) -> OomReaped:
    return OomReaped(
        t=103.0,
        boot=boot,
        kernel="",
        victim=Task(pid, pid, "app,d"),
        anon_rss_kib=8,
        file_rss_kib=4,
        shmem_rss_kib=None,
        freed_kib=40960,
        after_s=2.003,
        lines=(9, 9),
    )


def unreaped(pid: int, boot: str) -> OomUnreaped:
    victim = Task(pid, pid, "app,d")
    return OomUnreaped(t=103.0, boot=boot, kernel="", victim=victim, stack=(), lines=(9, 9))


def oom(log: str) -> OomReport:
    (event,) = events_of(log)
    assert isinstance(event, OomReport)
    return event


def test_why() -> None:
    details = oom_report_text.details(oom(OOM_6_1.replace("Mem-Info:\n", MEMORY)))
    assert details == [
        "DMA32 1000 KiB free, below its minimum of 2 MiB; swap 0 KiB of 512 MiB free; "
        "slab_unreclaimable 8 MiB",
        "most resident pages: app,d[377] 10496, sh[388] 100",
    ]


def test_masks_of_old_kernels_in_words() -> None:
    log = OOM_6_1.replace("0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP)", "0x280da").replace(
        "6.1.0-56-cloud-amd64", "3.13.0"
    )
    assert "order 0 GFP_HIGHUSER_MOVABLE|__GFP_ZERO" in oom_report_text.line(oom(log))


def test_a_panic_instead_of_a_kill() -> None:
    log = "SysRq : Manual OOM execution\nKernel panic - not syncing: Out of memory: compulsory "
    line = oom_report_text.line(oom(log + "panic_on_oom is enabled\n"))
    assert line.startswith("OOM by SysRq-f: the kernel panicked (Out of memory: compulsory")


def test_reports_that_are_alike_are_counted() -> None:
    alike = AlikeOoms()
    shown = [alike.show(oom(stamped(OOM_6_1, 100.0 + i))) for i in range(50)]
    assert shown.count(True) == 3
    assert alike.rest() == [
        "47 more OOM kills of app,d, the last app,d[377], at 149.000000",
        "killed again and again: app,d 50 times",
    ]


def test_what_the_reaper_said_is_told_where_the_kill_was() -> None:
    alike = AlikeOoms()
    shown = []
    for i in range(10):
        log = OOM_6_1.replace("377", str(400 + i)).replace("/app.slice", f"/pod{i % 2}.slice")
        log = log.replace("global_oom", f"oom_memcg=/pod{i % 2}.slice")
        event = oom(log)
        alike.show(event)
        assert event.victim
        make = reaped if i < 8 else unreaped
        shown.append(alike.reaped(make(400 + i, event.boot)))
    assert shown == [True] * 6 + [False] * 4
    assert alike.reaped(reaped(9, "boot 1 of the log"))  # its kill is not in the log
    assert alike.rest()[-1] == (
        "killed again and again: app,d 10 times in 2 memory cgroups, 8 reaped (320 MiB freed), "
        "2 not reaped"
    )


def test_a_victim_that_was_reaped() -> None:
    line = reaped_line(reaped(400, "boot 1 of the log"))
    assert line == "oom_reaper: reaped app,d[400] 2.003 s later, 40 MiB freed, 12 KiB left (line 9)"


def test_blocked_tasks_of_sysrq_are_grouped() -> None:
    """kernel/sched/core.c, show_state_filter(), v6.1"""
    tasks = "".join(
        f"task:reader{i}         state:D stack:0     pid:{400 + i}   ppid:1      flags:0x00004006\n"
        "Call Trace:\n <TASK>\n __schedule+0x34d/0x9e0\n schedule+0x5a/0xd0\n"
        " squashfs_cache_get+0x323/0x3a0 [squashfs]\n </TASK>\n"
        for i in range(20)
    )
    awake = "task:sh              state:S stack:0     pid:300   ppid:1      flags:0x00004006\n"
    log = stamped("sysrq: Show Blocked State\n" + tasks + awake)
    found = [*KernelLogSource(io.BytesIO(log.encode())).events()]
    assert len(found) == 20
    dumps = TaskDumps()
    for event in found:
        assert isinstance(event, TaskDump)
        dumps.add(event)
    line, stack = dumps.lines()
    assert line.startswith(
        "BLOCKED when shown by SysRq: 20 tasks in squashfs_cache_get, wait_event: reader0[400]"
    )
    assert "and 14 more" in line
    assert "squashfs_cache_get+0x323 [squashfs]" in stack

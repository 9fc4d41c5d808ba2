"""Reports as kernels of several eras print them, made after their own format strings."""

from __future__ import annotations

import io
from pathlib import Path

from ktrace.events import (
    Alarm,
    BadPage,
    HeldLocks,
    HungReport,
    MemoryFault,
    OomActivity,
    OomReaped,
    OomReport,
    OomUnreaped,
    TaskDump,
)
from ktrace.sources.log.source import KernelLogSource

LogEvent = (
    BadPage
    | OomReport
    | OomReaped
    | OomUnreaped
    | HungReport
    | HeldLocks
    | TaskDump
    | Alarm
    | MemoryFault
)

LOGS = Path(__file__).parents[2] / "golden" / "logs"
SEED = (LOGS / "bad-page-2.6.31.txt").read_bytes()

# v6.1: hashed pointers, fields by name
V6_1 = """\
BUG: Bad page state in process dd  pfn:12123
page:00000000b2a3c4d5 refcount:0 mapcount:0 mapping:0000000000000000 index:0x1 pfn:0x12123
flags: 0xfffffc0004000(private_2|node=0|zone=1|lastcpupid=0x1fffff)
raw: 000fffffc0004000 dead000000000100 dead000000000122 0000000000000000
raw: 0000000000000001 0000000000000000 00000000ffffffff 0000000000000000
page dumped because: PAGE_FLAGS_CHECK_AT_PREP flag(s) set
Modules linked in: virtio_net
CPU: 1 PID: 377 Comm: dd Not tainted 6.1.0-56-cloud-amd64 #1  Debian 6.1.192-2
Hardware name: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2 04/01/2014
Call Trace:
 <TASK>
 dump_stack_lvl+0x44/0x5c
 bad_page.cold+0x63/0x8f
 rmqueue_bulk+0x3e2/0x5c0
 ? __mod_zone_page_state+0x80/0x90
 get_page_from_freelist+0x9a1/0xdd0
 __alloc_pages+0xd6/0x320
 </TASK>
Disabling lock debugging due to kernel taint
"""
# v6.12: no pointer; a build whose flags no table describes
V6_12 = """\
BUG: Bad page state in process awk  pfn:1a123
page: refcount:-1 mapcount:0 mapping:0000000000000000 index:0x0 pfn:0x1a123
flags: 0xfffffc0000000(node=0|zone=1|lastcpupid=0x1fffff)
raw: 000fffffc0000000 dead000000000100 dead000000000122 0000000000000000
raw: 0000000000000000 0000000000000000 ffffffffffffffff 0000000000000000
page dumped because: nonzero _refcount
CPU: 0 UID: 1000 PID: 78 Comm: awk Tainted: G    B      OE      6.12.57+deb13-amd64 #1
Tainted: [B]=BAD_PAGE, [O]=OOT_MODULE, [E]=UNSIGNED_MODULE
Call Trace:
 <TASK>
 dump_stack_lvl+0x5d/0x80
 bad_page.cold+0x7a/0x91
 free_frozen_pages+0x32/0x60
 bad_free_init+0x17/0xff0 [bad_page_bug]
 </TASK>
"""
# v4.9: "bad because of flags", a pointer that is not hashed
V4_9 = """\
BUG: Bad page state in process server  pfn:309d22
page:ffffea000c274880 count:0 mapcount:0 mapping:          (null) index:0x0
flags: 0x2fffff00000830(dirty|lru|private)
page dumped because: PAGE_FLAGS_CHECK_AT_FREE flag(s) set
bad because of flags: 0x820(lru|private)
CPU: 3 PID: 29178 Comm: server Tainted: G    B           4.9.0-19-amd64 #10
Call Trace:
 [<ffffffff81688527>] dump_stack+0x5c/0x78
 [<ffffffff81683751>] bad_page+0xc8/0x130
 [<ffffffff81188d6d>] free_pages_prepare+0x26d/0x320
 [<ffffffff8118a2a1>] free_hot_cold_page+0x35/0x180
"""
# v3.10: "page flags:", and what page_owner=on adds in later ones
V3_10 = """\
BUG: Bad page state in process tar  pfn:019d0
page:f3461a00 count:0 mapcount:1 mapping:  (null) index:0x0
page flags: 0x40000404(referenced|reserved)
CPU: 3 PID: 2123 Comm: tar Not tainted 3.10.0+ #12
Call Trace:
 [<c15ec49b>] dump_stack+0x41/0x52
 [<c110dc8a>] bad_page+0xcf/0xeb
 [<c110ddc1>] free_pages_prepare+0x12a/0x140
 [<c15f06c4>] sysenter_do_call+0x12/0x22
"""
OWNER = """\
page_owner tracks the page as freed
page last allocated via order 0, migratetype Movable, gfp_mask 0xcc0(GFP_KERNEL), pid 12, tgid 12 \
(kworker/u9:0), ts 5000, free_ts 6000
 post_alloc_hook+0x1f4/0x240
 get_page_from_freelist+0x21a/0x1a80
page last free pid 12 tgid 12 stack trace:
 free_unref_page+0x38/0x1a0
"""
HUNG = """\
INFO: task squashfs-read:377 blocked for more than 120 seconds.
      Tainted: G            E      6.1.0-56-cloud-amd64 #1 Debian 6.1.192-2
"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.
task:squashfs-read   state:D stack:0     pid:377   ppid:1      flags:0x00004006
Call Trace:
 <TASK>
 __schedule+0x34d/0x9e0
 schedule+0x5a/0xd0
 squashfs_cache_get+0x323/0x3a0 [squashfs]
 </TASK>
"""
OOM_2_6_31 = """\
sh invoked oom-killer: gfp_mask=0x201da, order=0, oomkilladj=0
Pid: 812, comm: sh Not tainted 2.6.31-rc7 #3
Call Trace:
 [<c0149b3a>] oom_kill_process+0x9a/0x1c0
Out of memory: kill process 904 (app) score 5512 or a child
Killed process 904 (app)
"""
OOM_6_1 = """\
sh invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0
CPU: 0 PID: 388 Comm: sh Not tainted 6.1.0-56-cloud-amd64 #1  Debian 6.1.192-2
Mem-Info:
oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,\
task_memcg=/app.slice,task=app,d,pid=377,uid=1000
Out of memory: Killed process 377 (app,d) total-vm:50000kB, anon-rss:41984kB, file-rss:100kB, \
shmem-rss:0kB, UID:1000 pgtables:120kB oom_score_adj:300
"""
ALL = (V6_1, V6_12, V4_9, V3_10, HUNG, OOM_2_6_31, OOM_6_1)


def events_of(log: str | bytes, boot_id: str = "") -> list[LogEvent]:
    data = log.encode() if isinstance(log, str) else log
    return reports(KernelLogSource(io.BytesIO(data), boot_id))


def reports(source: KernelLogSource) -> list[LogEvent]:
    """Its events, without the counts that follow each report of the OOM killer."""
    found = [event for event in source.events() if not isinstance(event, OomActivity)]
    assert all(isinstance(event, LogEvent) for event in found)
    return [event for event in found if isinstance(event, LogEvent)]


def stamped(log: str, start: float = 100.0, prefix: str = "") -> str:
    """With the kernel's time stamps, a millisecond apart."""
    return "".join(
        f"{prefix}[{start + i / 1000:12.6f}] {line}\n" for i, line in enumerate(log.splitlines())
    )

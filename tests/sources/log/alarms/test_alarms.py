"""Alarms of every class, written after the kernel's own format strings.

The source of each is named beside it, as file and version; a report is its first lines as printk()
puts them together, with made-up numbers.
"""

from __future__ import annotations

import pytest

from ktrace.events import Alarm
from tests.sources.log.samples import events_of, stamped

pytestmark = pytest.mark.unit

WHO = "CPU: 1 PID: 388 Comm: sh Tainted: P           OE      6.1.0-56-cloud-amd64 #1  Debian\n"
TRACE = """\
Call Trace:
 <TASK>
 dump_stack_lvl+0x44/0x5c
 squashfs_cache_get+0x323/0x3a0 [squashfs]
 squashfs_readahead+0x2a3/0x9b0 [squashfs]
 entry_SYSCALL_64_after_hwframe+0x6e/0xd8
 </TASK>
"""
RIP = "RIP: 0010:squashfs_fill_page+0x63/0x8f [squashfs]\n"

CASES = [
    # arch/x86/mm/fault.c, show_fault_oops(), v6.1
    (
        "BUG: kernel NULL pointer dereference, address: 0000000000000010\n"
        "#PF: supervisor read access in kernel mode\n"
        "Oops: 0000 [#1] PREEMPT SMP NOPTI\n" + WHO + RIP + TRACE + "---[ end trace 00 ]---\n"
        "Kernel panic - not syncing: Fatal exception\n",
        ("oops", "BUG: unable to handle kernel NULL pointer dereference in squashfs_fill_page"),
        ("sh", 388),
    ),
    (
        "BUG: unable to handle page fault for address: ffffc90000a0b000\n" + WHO + RIP + TRACE,
        ("oops", "BUG: unable to handle kernel paging request in squashfs_fill_page"),
        ("sh", 388),
    ),
    # arch/x86/mm/fault.c, v3.10
    (
        "BUG: unable to handle kernel NULL pointer dereference at 0000000000000010\n"
        "IP: [<ffffffff81188d6d>] squashfs_fill_page+0x26d/0x320\n" + WHO + TRACE,
        ("oops", "BUG: unable to handle kernel NULL pointer dereference in squashfs_cache_get"),
        ("sh", 388),
    ),
    # arch/arm64/mm/fault.c, die_kernel_fault(), v5.10
    (
        "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010\n"
        "Mem abort info:\nInternal error: Oops: 96000004 [#1] SMP\n"
        + WHO
        + "pc : squashfs_fill_page+0x63/0x8f\nCall trace:\n squashfs_cache_get+0x323/0x3a0\n",
        ("oops", "BUG: unable to handle kernel NULL pointer dereference in squashfs_fill_page"),
        ("sh", 388),
    ),
    # lib/bug.c, report_bug(), v6.1
    (
        "------------[ cut here ]------------\nkernel BUG at mm/slub.c:435!\n"
        "invalid opcode: 0000 [#1] PREEMPT SMP\n" + WHO + RIP + TRACE,
        ("oops", "kernel BUG in squashfs_fill_page"),
        ("sh", 388),
    ),
    # arch/x86/kernel/traps.c, exc_general_protection(), v6.1
    (
        "general protection fault, probably for non-canonical address 0xdead000000000122: 0000 [#1]"
        " PREEMPT SMP\nKASAN: maybe wild-memory-access in range [0xdead000000000120-"
        "0xdead000000000127]\n" + WHO + RIP + TRACE,
        ("oops", "general protection fault in squashfs_fill_page"),
        ("sh", 388),
    ),
    # mm/kasan/report.c, print_error_description(), v6.1
    (
        "==================================================================\n"
        "BUG: KASAN: use-after-free in squashfs_fill_page+0x63/0x8f [squashfs]\n"
        "Read of size 8 at addr ffff888003d1a000 by task sh/388\n\n" + WHO + TRACE,
        ("kasan", "KASAN: use-after-free Read in squashfs_fill_page"),
        ("sh", 388),
    ),
    # mm/kfence/report.c, kfence_report_error(), v6.1
    (
        "BUG: KFENCE: out-of-bounds read in squashfs_fill_page+0x63/0x8f\n\n"
        "Out-of-bounds read at 0x00000000d3d3 (1B left of kfence-#17):\n"
        " squashfs_fill_page+0x63/0x8f\n",
        ("kfence", "KFENCE: out-of-bounds read in squashfs_fill_page"),
        None,
    ),
    # kernel/kcsan/report.c, print_report(), v6.1
    (
        "BUG: KCSAN: data-race in squashfs_fill_page / squashfs_cache_get\n\n"
        "write to 0xffff888003d1a000 of 8 bytes by task 388 on cpu 1:\n"
        " squashfs_fill_page+0x63/0x8f\n",
        ("kcsan", "KCSAN: data-race in squashfs_fill_page / squashfs_cache_get"),
        None,
    ),
    # mm/kmsan/report.c, kmsan_report(), v6.1
    (
        "BUG: KMSAN: uninit-value in squashfs_fill_page+0x63/0x8f\n squashfs_fill_page+0x63/0x8f\n",
        ("kmsan", "KMSAN: uninit-value in squashfs_fill_page"),
        None,
    ),
    # lib/ubsan.c, ubsan_prologue(), v6.1
    (
        "UBSAN: array-index-out-of-bounds in fs/squashfs/cache.c:123:4\n"
        "index 9 is out of range for type 'int [8]'\n" + WHO + TRACE,
        ("ubsan", "UBSAN: array-index-out-of-bounds in squashfs_cache_get"),
        ("sh", 388),
    ),
    # kernel/watchdog.c, watchdog_timer_fn(), v6.1
    (
        "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:2:388]\n" + RIP + TRACE,
        ("soft-lockup", "BUG: soft lockup in squashfs_fill_page"),
        ("kworker/1:2", 388),
    ),
    # kernel/watchdog_hld.c, watchdog_overflow_callback(), v6.1
    (
        "NMI watchdog: Watchdog detected hard LOCKUP on cpu 1\n" + WHO + RIP + TRACE,
        ("hard-lockup", "hard LOCKUP in squashfs_fill_page"),
        ("sh", 388),
    ),
    # kernel/rcu/tree_stall.h, print_cpu_stall(), v6.1
    (
        "rcu: INFO: rcu_preempt self-detected stall on CPU\n"
        "rcu: \t1-....: (2100 ticks this GP) idle=5c4c/1/0x4000000000000000\n" + WHO + RIP + TRACE,
        ("rcu-stall", "INFO: rcu detected stall in squashfs_fill_page"),
        ("sh", 388),
    ),
    (
        "INFO: rcu_sched detected stalls on CPUs/tasks: { 1} (detected by 0, t=5252 jiffies)\n",
        ("rcu-stall", "INFO: rcu detected stall"),
        None,
    ),
    # kernel/workqueue.c, wq_watchdog_timer_fn(), v6.1
    (
        "BUG: workqueue lockup - pool cpus=1 node=0 flags=0x0 nice=0 stuck for 34s!\n",
        ("workqueue-lockup", "BUG: workqueue lockup"),
        None,
    ),
    # kernel/locking/lockdep.c, print_circular_bug_header(), v6.1
    (
        "======================================================\n"
        "WARNING: possible circular locking dependency detected\n"
        "6.1.0 #1 Not tainted\n"
        "------------------------------------------------------\n"
        "sh/388 is trying to acquire lock:\n"
        "ffff888003d1a000 (&cache->lock){+.+.}-{2:2}, at: squashfs_cache_get+0x30/0x3a0\n" + TRACE,
        ("lockdep", "possible circular locking dependency detected in squashfs_cache_get"),
        ("sh", 388),
    ),
    # kernel/locking/lockdep.c, v3.10
    (
        "[ INFO: possible recursive locking detected ]\nsh/388 is trying to acquire lock:\n",
        ("lockdep", "possible recursive locking detected"),
        ("sh", 388),
    ),
    # kernel/sched/core.c, __schedule_bug(), v6.1
    (
        "BUG: scheduling while atomic: sh/388/0x00000002\n" + WHO + TRACE,
        ("atomic-sleep", "BUG: scheduling while atomic in squashfs_cache_get"),
        ("sh", 388),
    ),
    # kernel/sched/core.c, __might_resched(), v6.1
    (
        "BUG: sleeping function called from invalid context at mm/page_alloc.c:5522\n"
        "in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 388, name: sh\n" + WHO + TRACE,
        (
            "atomic-sleep",
            "BUG: sleeping function called from invalid context in squashfs_cache_get",
        ),
        ("sh", 388),
    ),
    # kernel/panic.c, __warn(), v6.1
    (
        "------------[ cut here ]------------\n"
        "WARNING: CPU: 1 PID: 388 at fs/squashfs/cache.c:123 squashfs_cache_get+0x323/0x3a0\n"
        + WHO
        + TRACE,
        ("warning", "WARNING in squashfs_cache_get"),
        ("sh", 388),
    ),
    # kernel/panic.c, v6.19
    (
        "WARNING: fs/squashfs/cache.c:123 at squashfs_cache_get+0x323/0x3a0, CPU#1: sh/388\n",
        ("warning", "WARNING in squashfs_cache_get"),
        ("sh", 388),
    ),
    # lib/list_debug.c, v6.1
    (
        "list_del corruption. prev->next should be ffff888003d1a000, but was dead000000000100. "
        "(prev=ffff888003d1b000)\n------------[ cut here ]------------\n"
        "kernel BUG at lib/list_debug.c:59!\n" + WHO + RIP + TRACE,
        ("list-corruption", "list_del corruption in squashfs_fill_page"),
        ("sh", 388),
    ),
    # kernel/fork.c, check_mm(), v6.1
    (
        "BUG: Bad rss-counter state mm:00000000b2a3c4d5 type:MM_ANONPAGES val:512\n",
        ("rss-counter", "BUG: Bad rss-counter state"),
        None,
    ),
    (
        "BUG: non-zero pgtables_bytes on freeing mm: 4096\n",
        ("page-tables", "BUG: non-zero pgtables_bytes on freeing mm"),
        None,
    ),
    # mm/oom_kill.c, pagefault_out_of_memory(), v6.1
    (
        "Huh VM_FAULT_OOM leaked out to the #PF handler. Retrying PF\n",
        ("page-fault-oom", "VM_FAULT_OOM leaked out to the #PF handler"),
        None,
    ),
    # mm/memory.c, print_bad_pte(), v6.1
    (
        "BUG: Bad page map in process sh  pte:8000000012123067 pmd:0a0b0067\n"
        "page:00000000b2a3c4d5 refcount:1 mapcount:-1 mapping:0000000000000000 index:0x1 "
        "pfn:0x12123\naddr:00007f00d3d3 vm_flags:08100073 anon_vma:0 mapping:0 index:7f\n",
        ("bad-page-map", "BUG: Bad page map"),
        ("sh", 0),
    ),
    # mm/swapfile.c, _swap_info_get(), v5.10
    (
        "swap_info_get: Bad swap file entry 3ffffffffffff\n",
        ("bad-swap", "Bad swap file entry"),
        None,
    ),
    # mm/page_alloc.c, warn_alloc(), v6.1
    (
        "kworker/1:2: page allocation failure: order:4, mode:0x40cc0(GFP_KERNEL|__GFP_COMP), "
        "nodemask=(null),cpuset=/,mems_allowed=0\n" + WHO.replace("sh", "kworker/1:2") + TRACE,
        ("allocation-failure", "page allocation failure, order 4, GFP_KERNEL|__GFP_COMP"),
        ("kworker/1:2", 388),
    ),
    # mm/page_alloc.c, warn_alloc_failed(), v3.0
    (
        "swapper/0: page allocation failure. order:1, mode:0x20\n",
        ("allocation-failure", "page allocation failure, order 1, mode:0x20"),
        ("swapper/0", 0),
    ),
    # arch/arm/kernel/traps.c, v2.6.37: no "CPU: ... Comm:", no "Call trace:"
    (
        "Unable to handle kernel NULL pointer dereference at virtual address 00000018\n"
        "pgd = c6b5c000\n[00000018] *pgd=86b4f831, *pte=00000000, *ppte=00000000\n"
        "Internal error: Oops: 17 [#1] PREEMPT\nModules linked in: wl12xx\n"
        "CPU: 0    Not tainted  (2.6.37 #3)\nPC is at wl1271_op_tx+0x30/0x11c\n"
        "LR is at __ieee80211_tx+0x144/0x190\npc : [<c02c3d34>]    lr : [<c0358e10>]    psr: 6\n"
        "Process sh (pid: 388, stack limit = 0xc6b4a2e8)\nStack: (0xc6b4bd30 to 0xc6b4c000)\n"
        "bd20:                                     c7812345 00000000 c6b4bd60 c6b4bd48\n"
        "[<c02c3d34>] (wl1271_op_tx+0x30/0x11c) from [<c0358e10>] (__ieee80211_tx+0x144/0x190)\n",
        ("oops", "BUG: unable to handle kernel NULL pointer dereference in wl1271_op_tx"),
        ("sh", 388),
    ),
    # arch/s390/mm/fault.c, dump_fault_info(), v5.14
    (
        "Unable to handle kernel pointer dereference in virtual kernel address space\n"
        "Failing address: 0000000000000000 TEID: 0000000000000483\nOops: 0004 ilc:3 [#1] SMP \n"
        + WHO
        + "Call Trace:\n [<000003ff80012345>] bad_read+0x1e/0x40 [bad] \n",
        ("oops", "BUG: unable to handle kernel paging request in bad_read"),
        ("sh", 388),
    ),
    # drivers/pci/pcie/aer.c, aer_isr_one_error(), v6.1
    (
        "pcieport 0000:00:1c.0: AER: Uncorrected (Fatal) error received: 0000:01:00.0\n",
        ("pcie", "PCIe: Uncorrected (Fatal) error at 0000:00:1c.0"),
        None,
    ),
    # fs/jbd2/commit.c, journal_finish_inode_data_buffers(), and fs/jbd2/journal.c, v5.15
    (
        "JBD2: Detected IO errors while flushing file data on sda2-8\n",
        ("file-system", "sda2-8: Detected IO errors"),
        None,
    ),
    (
        "Aborting journal on device sda2-8.\n",
        ("file-system", "sda2-8: Aborting journal"),
        None,
    ),
    # fs/f2fs/node.c, __get_node_page(), v5.15
    (
        "F2FS-fs (mmcblk0p2): inconsistent node block, nid:1, node_footer[nid:0]\n",
        ("file-system", "F2FS on mmcblk0p2: inconsistent node block"),
        None,
    ),
    # drivers/mmc/host/sdhci.c, sdhci_timeout_timer(), v6.1
    (
        "mmc0: Timeout waiting for hardware interrupt.\n",
        ("io-error", "mmc0: Timeout waiting for hardware interrupt"),
        None,
    ),
    # block/blk-core.c, blk_print_req_error(), v6.1
    (
        "critical medium error, dev sdc, sector 100 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2"
        "\n",
        ("io-error", "critical medium error, dev sdc"),
        None,
    ),
    # lib/refcount.c, refcount_warn_saturate(), v6.1
    (
        "------------[ cut here ]------------\nrefcount_t: underflow; use-after-free.\n"
        "WARNING: CPU: 1 PID: 388 at lib/refcount.c:28 refcount_warn_saturate+0xd8/0xe0\n"
        + WHO
        + RIP
        + TRACE,
        ("refcount", "refcount bug in squashfs_fill_page"),
        ("sh", 388),
    ),
    # drivers/edac/edac_mc.c, edac_ce_error(), v6.1
    (
        "EDAC MC0: 1 CE memory read error on CPU_SrcID#0_Ha#0_Chan#1_DIMM#0 (channel:1 slot:0 "
        "page:0x1f684 offset:0x8c0 grain:32 syndrome:0x0)\n",
        ("edac", "EDAC MC0: corrected memory error"),
        None,
    ),
    # arch/x86/kernel/cpu/mce/core.c, __print_mce(), v6.1
    (
        "mce: [Hardware Error]: CPU 1: Machine Check: 0 Bank 7: 8c00004000010091\n"
        "mce: [Hardware Error]: TSC 0 ADDR 1f6848c0 MISC 1425e0e86\n",
        ("machine-check", "Machine Check"),
        None,
    ),
    # mm/memory-failure.c, v6.1
    (
        "Memory failure: 0x12123: recovery action for dirty LRU page: Recovered\n",
        ("memory-failure", "Memory failure"),
        None,
    ),
    # block/blk-core.c, print_req_error(), v6.1
    (
        "I/O error, dev vda, sector 2048 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2\n",
        ("io-error", "I/O error, dev vda"),
        None,
    ),
    # block/blk-core.c, v4.9
    (
        "blk_update_request: I/O error, dev vda, sector 2048\n",
        ("io-error", "I/O error, dev vda"),
        None,
    ),
    # fs/ext4/super.c, __ext4_error(), v6.1
    (
        "EXT4-fs error (device vda1): ext4_find_entry:1455: inode #2: comm sh: reading directory "
        "lblock 0\n",
        ("file-system", "EXT4 error on vda1 in ext4_find_entry"),
        None,
    ),
    # fs/xfs/xfs_fsops.c, xfs_do_force_shutdown(), v6.1
    (
        "XFS (vda1): Filesystem has been shut down due to log error (0x2).\n",
        ("file-system", "XFS on vda1: Filesystem has been shut down due to log error (0x2)"),
        None,
    ),
    # net/core/dev.c, netdev_wait_allrefs_any(), v6.1
    (
        "unregister_netdevice: waiting for lo to become free. Usage count = 2\n",
        ("netdevice", "unregister_netdevice: waiting for lo"),
        None,
    ),
    # kernel/irq/spurious.c, __report_bad_irq(), v6.1
    (
        'irq 16: nobody cared (try booting with the "irqpoll" option)\n' + WHO + TRACE,
        ("irq", "irq 16: nobody cared"),
        ("sh", 388),
    ),
    # kernel/smp.c, csd_lock_wait_toolong(), v6.1
    (
        "smp: csd: Detected non-responsive CSD lock (#1) on CPU#2, waiting 5000000000 ns for "
        "CPU#03\n",
        ("csd-lock", "csd: non-responsive CSD lock"),
        None,
    ),
    # kernel/exit.c by debug_check_no_locks_held(), v6.1
    (
        "WARNING: sh/388 still has locks held!\n",
        ("locks-held", "locks held"),
        ("sh", 388),
    ),
    # kernel/panic.c, panic(), v6.1
    (
        "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009\n" + WHO + TRACE,
        ("panic", "kernel panic: Attempted to kill init! exitcode=0x00000009"),
        ("sh", 388),
    ),
    # mm/slub.c, slab_bug(), v6.1
    (
        "BUG kmalloc-64 (Not tainted): Poison overwritten\n"
        "0xffff888003d1a000-0xffff888003d1a000 @offset=0. First byte 0x6a instead of 0x6b\n",
        ("slab", "BUG: Poison overwritten in slab kmalloc-64"),
        None,
    ),
    # what no kind knows
    ("BUG: arch topology borken\n", ("bug", "BUG: arch topology borken"), None),
    # arch/powerpc/mm/fault.c, __bad_page_fault(), v5.10
    (
        "BUG: Kernel NULL pointer dereference on read at 0x00000000\n"
        "Faulting instruction address: 0xc000000000123456\n"
        "Oops: Kernel access of bad area, sig: 11 [#1]\n"
        + WHO
        + "NIP [c000000000123456] squashfs_fill_page+0x10/0x20\n",
        ("oops", "BUG: unable to handle kernel NULL pointer dereference in squashfs_fill_page"),
        ("sh", 388),
    ),
    # mm/pgtable-generic.c, p4d_clear_bad(), v5.4
    (
        "mm/pgtable-generic.c:39: bad p4d 0000000089f7a8e7\n",
        ("page-tables", "bad p4d"),
        None,
    ),
    # mm/slab.c, __slab_error(), v4.4
    (
        "slab error in cache_alloc_debugcheck_after(): cache `size-64': double free, or memory "
        "outside object was overwritten\n" + WHO + TRACE,
        (
            "slab",
            "slab error in size-64: double free, or memory outside object was overwritten",
        ),
        ("sh", 388),
    ),
    # mm/vmalloc.c, __vmalloc_area_node(), v4.15 and v5.15
    (
        "sh: vmalloc: allocation failure, allocated 12288 of 20480 bytes, "
        "mode:0x15080c0(GFP_KERNEL_ACCOUNT|__GFP_ZERO), nodemask=(null)\n" + WHO + TRACE,
        ("allocation-failure", "vmalloc: allocation failure"),
        ("sh", 388),
    ),
    (
        "sh: vmalloc error: size 20480, page order 0, failed to allocate pages, "
        "mode:0xdc2(GFP_KERNEL|__GFP_HIGHMEM|__GFP_ZERO), nodemask=(null),cpuset=/\n" + WHO + TRACE,
        ("allocation-failure", "vmalloc: allocation failure"),
        ("sh", 388),
    ),
    # fs/btrfs/disk-io.c, verify_parent_transid(), v3.10
    (
        "parent transid verify failed on 393631498240 wanted 1647784 found 1647785\n",
        ("file-system", "BTRFS: parent transid verify failed"),
        None,
    ),
]


def alarms(log: str) -> list[Alarm]:
    return [event for event in events_of(log) if isinstance(event, Alarm)]


@pytest.mark.parametrize(("log", "told", "task"), CASES, ids=[case[1][1][:40] for case in CASES])
def test_alarm(log: str, told: tuple[str, str], task: tuple[str, int] | None) -> None:
    (found,) = alarms(stamped(log))
    assert (found.class_, found.title) == told
    assert (found.task and (found.task.comm, found.task.pid)) == task
    assert found.lines[0] <= found.lines[1]
    assert found.t >= 100.0


@pytest.mark.parametrize(("log", "told", "task"), CASES, ids=[case[1][1][:40] for case in CASES])
def test_alarm_without_a_prefix(
    log: str, told: tuple[str, str], task: tuple[str, int] | None
) -> None:
    (found,) = alarms(log)
    assert (found.class_, found.title) == told


# Several first lines of these are one report, until its call trace has ended
TOGETHER = {"rcu-stall", "machine-check"}
APART = [case for case in CASES if case[1][0] not in TOGETHER]


@pytest.mark.parametrize(
    "log", [case[0] for case in APART], ids=[case[1][1][:40] for case in APART]
)
def test_the_next_report_of_its_kind_has_lines_of_its_own(log: str) -> None:
    first, second = alarms(stamped(log) + stamped("noise\n" * 12) + stamped(log, 200))
    assert (second.class_, second.title, second.detail, second.stack) == (
        first.class_,
        first.title,
        first.detail,
        first.stack,
    )
    assert second.lines[0] > first.lines[1]


def test_taint_is_told() -> None:
    log, _, _ = CASES[0]
    (found,) = alarms(log)
    assert found.taint == "POE"


def test_words_of_a_report_are_no_alarms() -> None:
    """User space's talk of errors, and the kernel's good news."""
    quiet = (
        "systemd[1]: Started Kernel panic watcher.\n"
        "EXT4-fs (vda1): mounted filesystem with ordered data mode. Opts: errors=remount-ro\n"
        "mce: CPU supports 22 MCE banks\nEDAC MC: Ver: 3.0.0\n"
        "rcu: Hierarchical RCU implementation.\nXFS (vda1): Mounting V5 Filesystem\n"
        "NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.\n"
        "list corruption checks are on\n"
    )
    assert alarms(stamped(quiet)) == []


def test_an_alarm_without_a_stack_takes_none_of_the_next() -> None:
    """kernel/kcsan/report.c, v6.6, whose end was lost; then kernel/sched/core.c"""
    race = "BUG: KCSAN: data-race in foo_read / foo_write\n"
    asleep = (
        "BUG: sleeping function called from invalid context at mm/slab.h:494\n"
        "in_atomic(): 1, irqs_disabled(): 0, pid: 388, name: sh\n" + WHO + TRACE
    )
    first, second = alarms(stamped(race) + stamped(asleep, start=102.0))
    assert (first.stack, first.task) == ((), None)
    assert second.stack[1] == "squashfs_cache_get+0x323 [squashfs]"

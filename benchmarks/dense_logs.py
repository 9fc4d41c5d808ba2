"""Kernel logs that are full of reports, made after the format strings of Linux 6.1.

mm/page_alloc.c and mm/debug.c (bad pages), mm/oom_kill.c and mm/page_alloc.c (the OOM killer, the
state of memory, the table of tasks), kernel/hung_task.c and kernel/sched/core.c (hung tasks),
arch/x86/kernel/dumpstack.c (call traces). Each report differs from the others as those of a machine
do: time, page, process, registers, sizes. The same log each time.
"""

import random
from collections.abc import Callable, Iterator

KERNEL = "6.1.0-56-amd64 #1  Debian 6.1.192-2"
HARDWARE = (
    "Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014"
)
MODULES = "Modules linked in: " + " ".join(
    "tls nft_chain_nat xt_MASQUERADE nf_nat nf_conntrack nf_defrag_ipv6 nf_defrag_ipv4 xt_addrtype "
    "nft_compat nf_tables nfnetlink bridge stp llc overlay intel_rapl_msr intel_rapl_common "
    "ghash_clmulni_intel sha512_ssse3 aesni_intel crypto_simd cryptd rapl pcspkr virtio_balloon "
    "button sg evdev squashfs loop fuse configfs ip_tables x_tables ext4 crc16 mbcache jbd2 "
    "virtio_net net_failover failover virtio_blk ahci libahci libata scsi_mod virtio_pci".split()
)
NAMES = "java postgres mysqld nginx python3 node chrome dd tar rsync gzip kswapd0 systemd".split()
SYSCALL = ("do_syscall_64+0x55/0xb0", "entry_SYSCALL_64_after_hwframe+0x6e/0xd8")
FREED = (
    *("dump_stack_lvl+0x44/0x5c", "bad_page.cold+0x63/0x8f", "free_pcp_prepare+0x20d/0x230"),
    *("free_unref_page_list+0x85/0x2a0", "release_pages+0x1c6/0x5d0"),
    *("tlb_batch_pages_flush+0x41/0x70", "tlb_finish_mmu+0x60/0x160", "exit_mmap+0x16b/0x320"),
    *("mmput+0x60/0x140", "do_exit+0x2e5/0xaf0", "do_group_exit+0x2d/0x80"),
    *("__x64_sys_exit_group+0x14/0x20", *SYSCALL),
)
TAKEN = (
    *("dump_stack_lvl+0x44/0x5c", "bad_page.cold+0x63/0x8f", "rmqueue_bulk+0x3e2/0x5c0"),
    *("? __mod_zone_page_state+0x80/0x90", "get_page_from_freelist+0x9a1/0xdd0"),
    *("__alloc_pages+0xd6/0x320", "__folio_alloc+0x17/0x50", "vma_alloc_folio+0xa0/0x3d0"),
    *("do_anonymous_page+0x5e/0x400", "__handle_mm_fault+0xa9f/0xfb0"),
    *("handle_mm_fault+0xdb/0x2d0", "do_user_addr_fault+0x1ca/0x570"),
    *("exc_page_fault+0x70/0x170", "asm_exc_page_fault+0x22/0x30"),
)
BAD = (("FREE", FREED), ("PREP", TAKEN))
HUNG = (
    (
        "squashfs_cache_get+0x323/0x3a0 [squashfs]",
        "squashfs_readpage_fragment+0x2a/0x90 [squashfs]",
    ),
    ("io_schedule+0x42/0x70", "folio_wait_bit_common+0x13d/0x350", "filemap_fault+0x6f4/0xa60"),
    (
        "schedule_preempt_disabled+0x11/0x20",
        "__mutex_lock.constprop.0+0x399/0x700",
        "lookup_slow+0x1f/0x30",
    ),
    ("wait_transaction_locked+0x87/0xd0 [jbd2]", "add_transaction_credits+0xda/0x2e0 [jbd2]"),
)
ALLOCATED = (
    *("dump_stack_lvl+0x44/0x5c", "dump_header+0x4a/0x211", "oom_kill_process.cold+0xb/0x10"),
    *("out_of_memory+0x1fd/0x4c0", "__alloc_pages_slowpath.constprop.0+0xc71/0xe70"),
    *("__alloc_pages+0x305/0x320", "folio_alloc+0x17/0x50", "__filemap_get_folio+0x155/0x340"),
    *("filemap_fault+0x139/0x910", "__do_fault+0x31/0x80", "do_fault+0x1b9/0x410"),
    *("__handle_mm_fault+0x660/0xfb0", "handle_mm_fault+0xdb/0x2d0"),
    *("do_user_addr_fault+0x1ca/0x570", "exc_page_fault+0x70/0x170", "ret_from_fork+0x22/0x30"),
)  # fmt: skip
MEMORY = """\
Mem-Info:
active_anon:{a} inactive_anon:{b} isolated_anon:0
 active_file:{c} inactive_file:{d} isolated_file:0
 unevictable:0 dirty:0 writeback:0
 slab_reclaimable:5812 slab_unreclaimable:10{c}
 mapped:{d} shmem:1{c} pagetables:2811
 sec_pagetables:0 bounce:0
 kernel_misc_reclaimable:0
 free:{c}3 free_pcp:62 free_cma:0
Node 0 active_anon:{a}kB inactive_anon:{b}kB active_file:{c}kB inactive_file:{d}kB unevictable:0kB \
isolated(anon):0kB isolated(file):0kB mapped:{d}kB dirty:0kB writeback:0kB shmem:1{c}kB shmem_thp: \
0kB shmem_pmdmapped: 0kB anon_thp: 0kB writeback_tmp:0kB kernel_stack:3168kB pagetables:11244kB \
sec_pagetables:0kB all_unreclaimable? no
Node 0 DMA free:{d}kB boost:0kB min:732kB low:912kB high:1092kB reserved_highatomic:0KB \
active_anon:0kB inactive_anon:{d}kB active_file:0kB inactive_file:0kB unevictable:0kB \
writepending:0kB present:15992kB managed:15360kB mlocked:0kB bounce:0kB free_pcp:0kB \
local_pcp:0kB free_cma:0kB
lowmem_reserve[]: 0 1959 1959 1959 1959
Node 0 DMA32 free:4{c}kB boost:0kB min:44704kB low:55880kB high:67056kB reserved_highatomic:0KB \
active_anon:{a}kB inactive_anon:{b}kB active_file:{c}kB inactive_file:{d}kB unevictable:0kB \
writepending:0kB present:2080608kB managed:2015072kB mlocked:0kB bounce:0kB free_pcp:248kB \
local_pcp:248kB free_cma:0kB
lowmem_reserve[]: 0 0 0 0 0
Node 0 DMA: 1*4kB (U) 0*8kB 1*16kB (U) 0*32kB 1*64kB (U) 1*128kB (U) 1*256kB (U) 0*512kB 1*1024kB \
(U) 1*2048kB (M) 1*4096kB (M) = 7636kB
Node 0 DMA32: {c}*4kB (UME) 1{d}*8kB (UME) 616*16kB (UME) 211*32kB (UME) 62*64kB (UME) 8*128kB \
(UE) 2*256kB (UE) 0*512kB 0*1024kB 0*2048kB 0*4096kB = 44944kB
Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=2048kB
2{c} total pagecache pages
0 pages in swap cache
Free swap  = 0kB
Total swap = 0kB
524150 pages RAM
0 pages HighMem/MovableOnly
16542 pages reserved
0 pages hwpoisoned
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name"""

Report = list[str]


class Reports:
    """Makes them one after another."""

    def __init__(self) -> None:
        self._random = random.Random(1)
        self._number = 0

    def bad_page(self) -> Report:
        """Another page each; a process frees 60 of them."""
        self._number += 1
        pick = self._random.randrange
        process = random.Random(self._number // 60)
        comm, pid = process.choice(NAMES), process.randrange(300, 99999)
        check, stack = process.choice(BAD)
        pfn = 0x10000 + self._number * 7
        return [
            f"BUG: Bad page state in process {comm}  pfn:{pfn:05x}",
            f"page:00000000{pick(1 << 32):08x} refcount:0 mapcount:0 mapping:0000000000000000 "
            f"index:{pick(1 << 24):#x} pfn:{pfn:#x}",
            "flags: 0xfffffc0000014(referenced|lru|node=0|zone=1|lastcpupid=0x1fffff)",
            "raw: 000fffffc0000014 dead000000000100 dead000000000122 0000000000000000",
            f"raw: {pick(1 << 24):016x} 0000000000000000 00000000ffffffff 0000000000000000",
            f"page dumped because: PAGE_FLAGS_CHECK_AT_{check} flag(s) set",
            MODULES,
            f"CPU: {pick(4)} PID: {pid} Comm: {comm} Tainted: G    B             {KERNEL}",
            HARDWARE,
            *_trace(stack, process),
            "Disabling lock debugging due to kernel taint",
        ]

    def oom(self) -> Report:
        """With 80 tasks, of which some have grown."""
        self._number += 1
        pick = self._random.randrange
        comm, pid = self._random.choice(NAMES), pick(300, 9999)
        memory = MEMORY.format(a=pick(10**6), b=pick(10**6), c=pick(10**3), d=pick(10**4))
        rows = [self._row(300 + 31 * index, NAMES[index % len(NAMES)]) for index in range(80)]
        return [
            f"{comm} invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), "
            "order=0, oom_score_adj=0",
            f"CPU: {pick(4)} PID: {pid} Comm: {comm} Not tainted {KERNEL}",
            HARDWARE,
            *_trace(ALLOCATED, self._random),
            *memory.splitlines(),
            *rows,
            "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
            f"task_memcg=/system.slice/app.service,task={comm},pid={pid},uid=1000",
            f"Out of memory: Killed process {pid} ({comm}) total-vm:{pick(10**7)}kB, "
            f"anon-rss:{pick(10**6)}kB, file-rss:{pick(10**3)}kB, shmem-rss:0kB, UID:1000 "
            "pgtables:120kB oom_score_adj:0",
        ]

    def hung(self) -> Report:
        """Tasks that hang in four places."""
        self._number += 1
        pick = self._random.randrange
        comm, pid = self._random.choice(NAMES), pick(300, 99999)
        stack = ("__schedule+0x34d/0x9e0", "schedule+0x5a/0xd0", *self._random.choice(HUNG))
        return [
            f"INFO: task {comm}:{pid} blocked for more than {120 + pick(4) * 120} seconds.",
            f"      Tainted: G    B             {KERNEL}",
            '"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.',
            f"task:{comm:<15} state:D stack:0     pid:{pid:<5} ppid:{pick(9999):<6} "
            "flags:0x00004006",
            *_trace((*stack, *TAKEN[8:13], "vfs_read+0x9f/0x330", *SYSCALL), self._random),
        ]

    def _row(self, pid: int, comm: str) -> str:
        pick = self._random.randrange
        rss = pick(200_000) if pick(4) == 0 else pid * 3
        return f"[{pid:7}] {1000:5} {pid:5} {rss + 5000:8} {rss:8} {rss * 2:8} {0:8} {0:13} {comm}"


def _trace(stack: tuple[str, ...], pick: random.Random) -> Report:
    rsp, rbx = pick.randrange(1 << 32), pick.randrange(1 << 40)
    return [
        "Call Trace:",
        " <TASK>",
        *(f" {frame}" for frame in stack),
        "RIP: 0033:0x7f3b21ceb53d",
        f"RSP: 002b:00007ffd{rsp:08x} EFLAGS: 00000246 ORIG_RAX: 00000000000000e7",
        f"RAX: ffffffffffffffda RBX: {rbx:016x} RCX: 00007f3b21ceb53d",
        f"RDX: 0000000000000002 RSI: {rbx + 8:016x} RDI: 0000000000000000",
        f"RBP: 00007ffd{rsp:08x} R08: ffffffffffffff80 R09: 0000000000000000",
        "R10: 0000000000000000 R11: 0000000000000246 R12: 00007f3b21dec9e0",
        f"R13: 00007f3b21df1ee0 R14: {rbx + 64:016x} R15: 00007f3b21df1ec8",
        " </TASK>",
    ]


QUIET = "usb 1-1: New USB device found, idVendor=0951, idProduct=1666, bcdDevice= 1.10"
_REPORTS: dict[str, Callable[[Reports], Report]] = {
    "bad-page": Reports.bad_page,
    "oom": Reports.oom,
    "hung": Reports.hung,
    "quiet": lambda _: [QUIET] * 20,
}
KINDS = tuple(_REPORTS)


def reports(kind: str) -> Iterator[bytes]:
    """Of that kind without end, with the kernel's time stamps."""
    made, t = Reports(), 100.0
    while True:
        lines = _REPORTS[kind](made)
        t += 0.02
        yield "".join(
            f"[{t + index / 1e5:12.6f}] {line}\n" for index, line in enumerate(lines)
        ).encode()

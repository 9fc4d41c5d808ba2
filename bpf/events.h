/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One struct per event: the only description of what BPF sends to Python. Python reads names,
 * offsets and sizes from the object's BTF, so a member added here appears in the decoded event;
 * ktrace/events/ gives each member its meaning. Times are nanoseconds of CLOCK_BOOTTIME.
 */
#ifndef KTRACE_EVENTS_H
#define KTRACE_EVENTS_H

#define COMM_LEN 16
#define STACK_LEN 64
#define TOP_LEN 96
#define SAVED_REGISTERS 10
/* containers name their cgroups by 64 digits and more, below a pod below slices; a path may be
 * longer still: then its beginning is missing */
#define CGROUP_LEN 512
#define CGROUP_COMPONENT_LEN 128
#define CGROUP_DEPTH 12
#define DEVICE_LEN 16
#define REASON_LEN 64
#define PAGE_WORDS 8
#define SQUASHFS_NAMES_LEN 256 /* a power of two */
#define SQUASHFS_NAME_LEN 64
#define SQUASHFS_PATH_LEN (SQUASHFS_NAMES_LEN + SQUASHFS_NAME_LEN)
#define SQUASHFS_DEPTH 6

/*
 * Enums are read from the object's BTF too: JSON has an enumerator in lower case and without the
 * word that it begins with. In this one the whole name in lower case is the name of the struct.
 */
enum event_kind {
	MAP_UPDATE, /* no event: counts updates of BPF maps that failed */
	OUT_OF_MEMORY,
	OOM_KILL,
	OOM_VICTIM,
	OOM_REAP,
	FATAL_SIGNAL,
	TASK_EXIT,
	TASK_DEAD,
	TASK_STATE,
	TASK_HUNG,
	BAD_PAGE,
	OOM_ADJUST,
	TASK_RUNS,
	EVENT_KINDS,
};

/* every event begins with this */
struct event {
	__u64 t;
	__u32 kind;
	__u32 size;
};

struct task {
	__s32 pid; /* the thread group's, as in user space */
	__s32 tid;
	char comm[COMM_LEN];
};

/* out_of_memory(): an allocation failed. by: the task that allocates */
struct out_of_memory {
	struct event event;
	struct task by;
	__u32 gfp_mask;
	__s32 order;
	__u32 memcg_oom; /* 1: a memory cgroup reached its limit, not the machine */
	__u32 __pad;
	__u64 cgroup_id; /* its kernfs id; 0: the machine */
	char memcg[CGROUP_LEN]; /* path, leaf first, NUL after each component */
};

/* oom_kill_process(): a victim was chosen */
struct oom_kill {
	struct event event;
	struct task by;
	struct task victim;
	__u32 gfp_mask;
	__s32 order;
	__u32 constraint; /* enum oom_constraint */
	__s32 oom_score_adj;
	__s64 points; /* oom_badness(), pages */
	__u64 totalpages;
	__u32 uid;
	__u32 threads;
	__u64 total_vm; /* pages, as the next three */
	__s64 file_rss;
	__s64 anon_rss;
	__s64 shmem_rss;
	__u64 pgtables; /* bytes */
	__u64 invoked_t; /* when the invoker entered out_of_memory(); 0: not known */
	__u64 domain_id; /* of the memory cgroup at its limit, as out_of_memory.cgroup_id */
	char cgroup[CGROUP_LEN]; /* the victim's memory cgroup, as out_of_memory.memcg */
};

/* oom:mark_victim: this thread's group is now the victim and may use the memory reserves */
struct oom_victim {
	struct event event;
	struct task by;
	__s32 tid;
	__s32 pid; /* of its thread group; 0: the tracepoint gave the tid only */
};

enum reap_step {
	REAP_WAKE,
	REAP_START,
	REAP_FINISH,
	REAP_SKIP,
};

/* oom:wake_reaper, oom:start_task_reaping, oom:finish_task_reaping, oom:skip_task_reaping */
struct oom_reap {
	struct event event;
	__u32 step; /* enum reap_step */
	__s32 tid;
	__s64 rss; /* pages of the victim's mm at this step; -1: the mm is not known */
};

/* oom:oom_score_adj_update: by has written the task's oom_score_adj (and that of whoever shares
 * its mm, without an event for those) */
struct oom_adjust {
	struct event event;
	struct task by;
	struct task task;
	__s32 oom_score_adj;
	__u32 __pad;
};

/* Calls of these are counted in the maps oom_domains and oom_callers, as they come in floods */
enum oom_call {
	CALL_OUT_OF_MEMORY,
	CALL_RECLAIM_RETRY_ZONE, /* one zone looked at before reclaiming again */
	CALL_COMPACT_RETRY,
};

/* What came of a call of out_of_memory() */
enum oom_result {
	RESULT_KILLED, /* oc->chosen is a task */
	RESULT_NOBODY, /* returned false: select_bad_process() found nobody */
	RESULT_WAITS, /* oc->chosen is -1: a previous victim has not exited */
	RESULT_OTHER, /* true, and nobody chosen: the caller dies itself, a notifier freed memory */
	OOM_RESULTS,
};

struct oom_domain_key {
	__u64 cgroup; /* kernfs id of the memory cgroup at its limit; 0: the machine */
	__u32 call; /* enum oom_call */
	__u32 __pad;
};

struct oom_domain_counts {
	__u64 first_t;
	__u64 last_t;
	__u64 calls;
	__u64 results[OOM_RESULTS]; /* all 0 where the return of out_of_memory() is not hooked */
	__u64 window_t; /* when the second began in which the events were sent that ... */
	__u64 window_calls; /* ... were counted here */
	__u32 gfp_mask; /* of the newest call */
	__s32 order;
	__u32 constraint; /* enum oom_constraint, of the newest call that returned */
	__u32 memcg_oom;
	char memcg[CGROUP_LEN]; /* as out_of_memory.memcg */
};

struct oom_caller_key {
	__u64 cgroup;
	__u32 call;
	__s32 tid;
};

struct oom_caller_counts {
	__u64 first_t;
	__u64 last_t;
	__u64 calls;
	struct task task;
	__u32 __pad;
	__u32 stack_len; /* entries of stack that count */
	__u64 stack[STACK_LEN]; /* of the newest call whose stack was taken, one a second */
	__u64 stack_t;
};

/* signal:signal_generate with SIGKILL, or with a signal that now ends the group as SIGKILL would
 * (complete_signal() of kernel/signal.c); by is the current task */
struct fatal_signal {
	struct event event;
	struct task by;
	struct task target;
	__u32 signal;
	__u32 group; /* 1: to the whole thread group */
	__s32 si_code; /* 128 SI_KERNEL: the kernel itself */
	__u32 __pad;
};

/* sched:sched_process_exit of a task that dies by a signal */
struct task_exit {
	struct event event;
	struct task task;
	__s32 exit_code; /* as in wait(2): the low seven bits are the signal */
	__u32 mm_held; /* 1: the tracepoint comes before exit_mm() */
};

/* the last switch away from such a task: it is gone, or a zombie */
struct task_dead {
	struct event event;
	struct task task;
	__s32 exit_code;
	__u32 __pad;
};

enum kill_mark {
	KILL_PENDING = 1, /* SIGKILL is in task->pending */
	KILL_SHARED = 2, /* SIGKILL is in signal->shared_pending */
	KILL_GROUP = 4, /* SIGNAL_GROUP_EXIT with a signal in group_exit_code, and no core dump */
};

/* the newest call of squashfs_cache_get() by this thread; all 0 when there was none */
struct squashfs_call {
	__u64 t;
	__u64 cache;
	__s64 block;
	char name[DEVICE_LEN]; /* of the cache: fragment, metadata, data */
	char device[DEVICE_LEN];
};

/* what a thread does in its newest call; 0: not yet. All but call is for squashfs_use.bpf.c. */
struct squashfs_thread {
	struct squashfs_call call;
	__u64 switches; /* voluntary ones of the thread, at t */
	__u64 filled_t; /* it had an entry, and began to fill it */
	__u64 disk_t; /* the block was in memory, and is decompressed */
	__u64 got_t; /* it was seen to use the entry */
	__u32 slept; /* 1: until filled_t, for a free entry */
	__u32 dev; /* super_block.s_dev */
	__u32 again; /* the block had been read before, within squashfs_again_ns: 1 */
	__u32 over; /* the entry was put back: 1 */
};

/* The maps of bpf/squashfs_use.bpf.c, which Python reads once a second */
struct squashfs_use_key {
	__u64 cache; /* struct squashfs_cache; 0: blocks of files that go past the caches */
	__u32 dev; /* super_block.s_dev */
	__u32 __pad;
};

#define USE_SLOTS 32 /* a power of two. Slot n: from 2^n microseconds on */

struct squashfs_longest {
	__u64 ns;
	__u64 t; /* when it ended */
	struct task task;
};

/* of a CPU, and so written without atomic operations; the sum is what happened */
struct squashfs_use {
	__u64 calls; /* of squashfs_cache_get() that got their entry; without cache: reads of files
		      */
	__u64 hits; /* the entry had the block, and nobody slept */
	__u64 fills; /* blocks read */
	__u64 again; /* of these, those read within squashfs_again_ns before, too */
	__u64 failed;
	__u64 slept_full; /* calls that slept until an entry was free */
	__u64 slept_pending; /* ... until somebody else had filled the entry of their block */
	__u64 slept_ns; /* both */
	__u64 disk_ns; /* from the begin of a read until it was decompressed */
	__u64 disk_reads; /* of which that is the sum */
	__u64 inflate_ns; /* from then until the entry was used; cached blocks alone */
	__u64 held_ns; /* from the first use of an entry until it was put back */
	__u64 bytes_read; /* of the device, compressed */
	__u64 bytes_inflated;
	__u64 bytes_again; /* of these, blocks as in again */
	__u64 bytes_used; /* copied out of entries */
	struct squashfs_longest waiter; /* slept longest */
	struct squashfs_longest holder;
	__u32 slept_slots[USE_SLOTS]; /* calls, by how long they slept */
	__u32 disk_slots[USE_SLOTS]; /* reads, by disk_ns */
};

/* of a struct squashfs_use: what does not change */
struct squashfs_use_facts {
	char name[DEVICE_LEN]; /* of the cache */
	char device[DEVICE_LEN];
	__s32 entries;
	__s32 block_size; /* of the cache: bytes of an entry */
};

struct squashfs_file_key {
	__u64 ino;
	__u32 dev;
	__u32 __pad;
};

/* what was read for a file, of its fragments and blocks; not of metadata */
struct squashfs_file {
	__u64 fills;
	__u64 again;
	__u64 bytes_read;
	__u64 slept_ns;
	char path[SQUASHFS_PATH_LEN]; /* in its file system, as out_of_memory.memcg */
};

enum state_source {
	FROM_WALK, /* iter/task */
	FROM_SWITCH, /* sched_switch */
	FROM_SAMPLED, /* /proc, by the bcc loader */
};

/* one look at a task: killed and not yet dead, or asleep uninterruptibly */
struct task_state {
	struct event event;
	struct task task;
	__s32 ppid;
	__u32 source; /* enum state_source */
	__u64 start_t; /* the task's birth: with tid, its identity */
	__u64 asleep_t; /* since when it is in this sleep; 0: not seen to begin */
	__u64 switches; /* voluntary and involuntary */
	__u32 state; /* task_struct.__state */
	__u32 exit_state;
	__u32 flags; /* PF_* */
	__u32 on_cpu;
	__u32 killed; /* enum kill_mark bits; 0: not killed */
	__s32 group_exit_code;
	__u32 oom_victim; /* 1: signal->oom_mm is set */
	__u32 stack_len; /* entries of stack that count */
	__u64 address; /* of its task_struct */
	__u64 off_cpu_t; /* when it last stopped running, by the scheduler's clock; 0: not known */
	__s64 rss; /* pages of its mm, of a killed one; -1: not known */
	__u64 mm_held; /* 1: it has that mm; 0: exit_mm() has taken it, and it is being unmapped */
	__u32 cpu; /* on which it runs, or last ran, and 1; 0: not known */
	__u32 has_cgroup; /* 1: cgroup is known */
	struct squashfs_call squashfs;
	/* 32-bit ARM, of a sleeping task: r4 to r10, fp, sp, pc, from which its frames are found by
	 * the kernel's unwind tables; pc 0: not read */
	__u32 registers[SAVED_REGISTERS];
	/* innermost first; without __sched functions. 32-bit ARM: what lies behind top, as words */
	__u64 stack[STACK_LEN];
	/* of a sleeping task: what lies on its stack from the saved stack pointer on, in words of
	 * the kernel's size: a 32-bit kernel's are 2 * TOP_LEN. The return addresses among it are
	 * the
	 * __sched functions that stack leaves out: mutex_lock(), ... */
	__u64 top[TOP_LEN];
	/* the path of its cgroup v2, or of its memory cgroup where v2 holds nobody; as
	 * out_of_memory.memcg */
	char cgroup[CGROUP_LEN];
};

/* where a task runs that somebody waits for: a sample of perf's CPU clock */
struct task_runs {
	struct event event;
	struct task task;
	__u32 cpu;
	__u32 stack_len; /* 0: in user space */
	__u64 stack[STACK_LEN];
};

/* what sched_switch remembers of a killed thread, in the map killed_switches */
struct last_switch {
	__u64 asleep_t; /* when it last went to sleep uninterruptibly */
	__u64 running_t; /* when it was last reported, or first seen, on the run queue */
};

/* Of bcc's map killed_sleeps: a thread that slept when SIGKILL was sent to its group, or fell
 * asleep after it. It holds while nobody switches to the thread. */
struct killed_sleep {
	__u64 switches;
	__u32 state;
	__u32 __pad;
	__u64 top[TOP_LEN]; /* as of struct task_state */
};

/* sched:sched_process_hang: khungtaskd found the task not switching for hung_task_timeout_secs */
struct task_hung {
	struct event event;
	struct task task;
};

/* bad_page() */
struct bad_page {
	struct event event;
	struct task by;
	__u64 page; /* address of the struct page */
	__u64 page_phys; /* its physical address; 0: not known */
	__s64 pfn; /* of the page that it describes; -1: not known */
	__u64 words[PAGE_WORDS]; /* its first 64 bytes, in words of the kernel's size */
	char reason[REASON_LEN]; /* the kernel's own, the last of its tests */
	__u32 __pad;
	__u32 stack_len;
	__u64 stack[STACK_LEN];
};

#endif

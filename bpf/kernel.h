/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's structures, only the members that ktrace reads.
 *
 * Offsets come from the running kernel: preserve_access_index makes libbpf relocate each access
 * against its BTF (CO-RE), so no generated vmlinux.h is needed to build. A suffix after ___ names
 * a flavour of the same structure on other kernels; libbpf ignores it when it looks up the type.
 */
#ifndef KTRACE_KERNEL_H
#define KTRACE_KERNEL_H

/* bpf_tracing.h then takes the kernel's own names of the registers in pt_regs */
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef signed short __s16;
typedef unsigned short __u16;
typedef signed int __s32;
typedef unsigned int __u32;
typedef signed long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
#define true 1
#define false 0

#define NULL ((void *)0)

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_F_MMAPABLE = 1024,
};

#define KERNEL_TYPE __attribute__((preserve_access_index))

struct kernfs_node {
	const char *name;
	struct kernfs_node *parent;
	__u64 id;
} KERNEL_TYPE;

/* renamed in v6.15 by 633488947ef6 ("kernfs: Use RCU to access kernfs_node::parent") */
struct kernfs_node___v615 {
	struct kernfs_node *__parent;
} KERNEL_TYPE;

struct cgroup {
	struct kernfs_node *kn;
} KERNEL_TYPE;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
} KERNEL_TYPE;

enum cgroup_subsys_id {
	memory_cgrp_id,
};

struct css_set {
	struct cgroup_subsys_state *subsys[1];
	struct cgroup *dfl_cgrp;
} KERNEL_TYPE;

struct mem_cgroup {
	struct cgroup_subsys_state css;
} KERNEL_TYPE;

typedef struct {
	long counter;
} atomic_long_t;

typedef struct {
	int counter;
} atomic_t;

struct mm_rss_stat {
	atomic_long_t count[4];
} KERNEL_TYPE;

struct mm_struct {
	atomic_t mm_users;
	atomic_t mm_count;
	unsigned long total_vm;
	atomic_long_t pgtables_bytes;
	struct mm_rss_stat rss_stat;
} KERNEL_TYPE;

/* core_state moved to signal_struct in v5.16: 0258b5fd7c71 ("coredump: Limit coredumps to a single
 * thread group") */
struct mm_struct___v515 {
	struct core_state *core_state;
} KERNEL_TYPE;

/* rss_stat became percpu counters in v6.2: f1a7941243c1 ("mm: convert mm's rss stats into
 * percpu_counter"); .count leaves out at most one batch per CPU (mm/percpu_counter.c) */
struct percpu_counter {
	__s64 count;
} KERNEL_TYPE;

struct mm_struct___v62 {
	struct percpu_counter rss_stat[4];
} KERNEL_TYPE;

typedef struct {
	unsigned long sig[1];
} KERNEL_TYPE sigset_t;

struct sigpending {
	sigset_t signal;
} KERNEL_TYPE;

struct core_state;

struct list_head {
	struct list_head *next;
} KERNEL_TYPE;

struct signal_struct {
	struct list_head thread_head;
	int nr_threads;
	struct sigpending shared_pending;
	int group_exit_code;
	unsigned int flags;
	struct core_state *core_state;
	short oom_score_adj;
	struct mm_struct *oom_mm;
} KERNEL_TYPE;

typedef struct {
	__u32 val;
} kuid_t;

struct cred {
	kuid_t uid;
} KERNEL_TYPE;

#if defined(__TARGET_ARCH_arm64)
struct cpu_context {
	unsigned long sp;
} KERNEL_TYPE;

struct thread_struct {
	struct cpu_context cpu_context;
} KERNEL_TYPE;
#elif !defined(__TARGET_ARCH_arm)
struct thread_struct {
	unsigned long sp;
} KERNEL_TYPE;
#endif

struct sched_entity {
	__u64 sum_exec_runtime;
	__u64 prev_sum_exec_runtime;
} KERNEL_TYPE;

struct sched_info {
	unsigned long long last_arrival;
} KERNEL_TYPE;

#if defined(__TARGET_ARCH_arm)
/* what __switch_to() of arch/arm/kernel/entry-armv.S leaves of a task that does not run */
struct cpu_context_save {
	__u32 r4, r5, r6, r7, r8, r9, sl, fp, sp, pc;
} KERNEL_TYPE;

struct thread_info {
	struct cpu_context_save cpu_context;
	__u32 cpu;
} KERNEL_TYPE;
#else
struct thread_info {
	__u32 cpu;
} KERNEL_TYPE;
#endif

struct task_struct {
	struct thread_info thread_info;
	struct list_head tasks;
	struct list_head thread_node;
	struct task_struct *group_leader;
	unsigned int policy;
	struct sched_entity se;
	struct sched_info sched_info;
	unsigned int __state;
	unsigned int flags;
	int on_cpu;
	struct mm_struct *mm;
	int exit_state;
	int exit_code;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	unsigned long nvcsw;
	unsigned long nivcsw;
	__u64 start_boottime;
	const struct cred *real_cred;
	char comm[16];
	struct signal_struct *signal;
	struct sigpending pending;
	struct css_set *cgroups;
#if defined(__TARGET_ARCH_arm)
	void *stack;
#else
	struct thread_struct thread;
#endif
} KERNEL_TYPE;

/* state was renamed in v5.14 by 2f064a59a11f ("sched: Change task_struct::state") */
struct task_struct___v513 {
	long state;
} KERNEL_TYPE;

/* cpu moved to thread_info in v5.16: bcf9033e5449 ("sched: move CPU field back into thread_info if
 * THREAD_INFO_IN_TASK=y") */
struct task_struct___v515 {
	unsigned int cpu;
} KERNEL_TYPE;

/* real_start_time was renamed in v5.5 by cf25e24db61c ("time: Rename tsk->real_start_time") */
struct task_struct___v54 {
	__u64 real_start_time;
} KERNEL_TYPE;

enum oom_constraint {
	CONSTRAINT_NONE,
};

struct oom_control {
	struct mem_cgroup *memcg;
	__u32 gfp_mask;
	int order;
	unsigned long totalpages;
	struct task_struct *chosen;
	/* int before v5.9: 9066e5cfb73c ("mm, oom: make the calculation of oom badness more
	 * accurate"); CO-RE adjusts the width of the read */
	long chosen_points;
	enum oom_constraint constraint;
} KERNEL_TYPE;

struct page {
	unsigned long flags;
	unsigned long compound_head;
	atomic_t _mapcount;
	atomic_t _refcount;
} KERNEL_TYPE;

struct super_block {
	__u32 s_dev;
	char s_id[32];
} KERNEL_TYPE;

struct qstr {
	const unsigned char *name;
} KERNEL_TYPE;

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
} KERNEL_TYPE;

struct path {
	struct dentry *dentry;
} KERNEL_TYPE;

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
} KERNEL_TYPE;

struct file {
	struct path f_path;
	struct inode *f_inode;
} KERNEL_TYPE;

struct readahead_control {
	struct file *file;
} KERNEL_TYPE;

struct squashfs_cache {
	char *name;
	int entries;
	int block_size;
} KERNEL_TYPE;

struct squashfs_cache_entry {
	__u64 block;
	int length;
	__u64 next_index;
} KERNEL_TYPE;

struct squashfs_page_actor {
	int length;
} KERNEL_TYPE;

struct kernel_siginfo {
	int si_code;
} KERNEL_TYPE;

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} KERNEL_TYPE;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} KERNEL_TYPE;

struct bpf_perf_event_data;

#if defined(__TARGET_ARCH_arm)
/* relocated as any other: its longs have 4 bytes */
struct pt_regs {
	unsigned long uregs[18];
} KERNEL_TYPE;
#else
struct pt_regs {
#if defined(__TARGET_ARCH_x86)
	/* x86-64 names of arch/x86/include/asm/ptrace.h */
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip,
		cs, flags, sp, ss;
#elif defined(__TARGET_ARCH_riscv)
	unsigned long epc, ra, sp, gp, tp, t0, t1, t2, s0, s1, a0, a1, a2, a3, a4, a5, a6, a7;
#else
	unsigned long regs[31];
#endif
};
#endif

#if defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
	__u64 sp, pc, pstate;
};
#endif

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the CO-RE programs and those of bcc's dialect have in common: plain C, without maps. Each
 * dialect defines NOW() and has events.h before this. The names of the constants are not those of
 * the kernel's headers, which bcc may include.
 */
#ifndef KTRACE_SHARED_H
#define KTRACE_SHARED_H

#define SIGKILL_NUMBER 9
#define SIGKILL_BIT (1UL << (SIGKILL_NUMBER - 1))
#define EXIT_SIGNAL 0x7f /* of an exit code: the signal that killed, wait(2) */
#define SI_CODE_KERNEL 128 /* SI_KERNEL of include/uapi/asm-generic/siginfo.h */
#define GROUP_EXIT_FLAG 4 /* SIGNAL_GROUP_EXIT of include/linux/sched/signal.h, never moved */
#define UNINTERRUPTIBLE_BIT 2 /* TASK_UNINTERRUPTIBLE of include/linux/sched.h, never moved */
#define TOP_PIECE 16 /* pt_regs, 21 words on x86, end the stack: no function is lost */
#define WINDOW_NS 1000000000ULL

/* Indexes of mm_struct.rss_stat: MM_FILEPAGES, ... of include/linux/mm_types_task.h */
#define FILE_PAGES 0
#define ANON_PAGES 1
#define SHMEM_PAGES 3

/* clang has no memset of over 1 KiB for BPF; a read that faults leaves zeros in its target. */
static __always_inline void clear(void *at, __u32 size)
{
	bpf_probe_read_kernel(at, size, (void *)0);
}

static __always_inline void event_init(struct event *event, __u32 kind, __u32 size)
{
	event->t = NOW();
	event->kind = kind;
	event->size = size;
}

static __always_inline void read_current(struct task *to)
{
	__u64 id = bpf_get_current_pid_tgid();

	to->pid = id >> 32;
	to->tid = (__u32)id;
	bpf_get_current_comm(to->comm, sizeof(to->comm));
}

/* Of what bpf_get_stack() returned */
static __always_inline __u32 stack_entries(long bytes)
{
	return bytes > 0 ? bytes / sizeof(__u64) : 0;
}

/* noload: the TASK_NOLOAD bit of this kernel */
static __always_inline bool sleeps_uninterruptibly(__u32 state, __u32 noload)
{
	return state & UNINTERRUPTIBLE_BIT && !(state & noload);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the scheduler's books say of a task: on which CPU, and since when it has not run. */
#ifndef KTRACE_SCHEDULER_BPF_H
#define KTRACE_SCHEDULER_BPF_H

/* SCHED_NORMAL, SCHED_BATCH, SCHED_IDLE of include/uapi/linux/sched.h: the fair class */
#define FAIR_POLICIES (1 << 0 | 1 << 3 | 1 << 5)

#if defined(__TARGET_ARCH_arm)
/* At the stack's lowest address where CONFIG_THREAD_INFO_IN_TASK is off */
static __always_inline struct thread_info *thread_info_of(struct task_struct *task)
{
	if (bpf_core_field_exists(task->thread_info))
		return __builtin_preserve_access_index(&task->thread_info);
	return BPF_CORE_READ(task, stack);
}
#endif

static __always_inline __u32 cpu_of(struct task_struct *task)
{
	struct task_struct___v515 *old = (void *)task;

	if (bpf_core_field_exists(task->thread_info.cpu))
		return BPF_CORE_READ(task, thread_info.cpu);
	if (bpf_core_field_exists(old->cpu))
		return BPF_CORE_READ(old, cpu);
	return -1;
}

/*
 * When it last ran, as far as is known, on the scheduler's clock; 0: not known. It got a CPU at
 * sched_info.last_arrival (kernel/sched/stats.h, with CONFIG_SCHED_INFO) and has run since for what
 * set_next_entity() of kernel/sched/fair.c makes 0: other classes than the fair one do not.
 */
static __always_inline __u64 last_ran(struct task_struct *task)
{
	__u32 policy = BPF_CORE_READ(task, policy);
	__u64 arrived;

	if (!bpf_core_field_exists(task->sched_info.last_arrival))
		return 0;
	arrived = BPF_CORE_READ(task, sched_info.last_arrival);
	if (!arrived || policy > 31 || !(1 << policy & FAIR_POLICIES))
		return 0;
	return arrived + BPF_CORE_READ(task, se.sum_exec_runtime) -
	       BPF_CORE_READ(task, se.prev_sum_exec_runtime);
}

/* In CLOCK_BOOTTIME. The reader's own books, which are at most a tick old, say what time it is on
 * the scheduler's clock: so the sleep is at least as long as this says. */
static __always_inline __u64 off_cpu_since(struct task_struct *task)
{
	__u64 then = last_ran(task);
	__u64 now = last_ran((struct task_struct *)bpf_get_current_task());

	if (!then || now < then)
		return 0;
	return NOW() - (now - then);
}

#endif

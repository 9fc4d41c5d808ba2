// SPDX-License-Identifier: GPL-2.0-or-later
/* Tasks: who is sent SIGKILL, who sleeps on after it, who dies. */
#include "ktrace.bpf.h"
#include "mm.bpf.h"
#include "scheduler.bpf.h"

/* tasks_raw.bpf.c compiles this for kernels without BTF: from a raw tracepoint's arguments the
 * verifier follows no pointer, they are read by a helper. So it is for 32-bit kernels, where C
 * would follow a pointer of 8 bytes. */
#if KERNEL_WORD != 8
#define WITHOUT_KERNEL_BTF
#endif
#ifdef WITHOUT_KERNEL_BTF
#define TRACEPOINT "raw_tp/"
#define FOLLOW(from, member) BPF_CORE_READ(from, member)
#else
#define TRACEPOINT "tp_btf/"
#define FOLLOW(from, member) ((from)->member)
#endif

/* Set from the kernel's own description before loading: ktrace/kernel/task_state.py */
const volatile __u32 task_noload = 0x400;
/* sched_switch gained prev_state in v5.18: fa2c3254d7cf, 9c2136be0878 ("sched/tracing: Append
 * prev_state to tp args instead") */
const volatile bool sched_switch_has_prev_state = true;
const volatile __u64 stuck_after_ns = 1000000000;

const struct fatal_signal *unused_fatal_signal __attribute__((unused));
const struct task_exit *unused_task_exit __attribute__((unused));
const struct task_dead *unused_task_dead __attribute__((unused));
const struct task_state *unused_task_state __attribute__((unused));
const struct task_hung *unused_task_hung __attribute__((unused));
const enum kill_mark *unused_kill_mark __attribute__((unused));
const enum state_source *unused_state_source __attribute__((unused));
const struct killed_sleep *unused_killed_sleep __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __s32);
	__type(value, struct last_switch);
} killed_switches SEC(".maps");

/* threads that a walk found killed: report their death even if no signal is in their exit code */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __s32);
	__type(value, __u8);
} watched SEC(".maps");

/* pid -> the mm of a killed process: exit_mm() takes it out of task_struct before it is unmapped */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __s32);
	__type(value, __u64);
} killed_mms SEC(".maps");

/* tid -> anything: tasks that a walk shows whatever they do, as members of wait chains */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __s32);
	__type(value, __u8);
} chain_tasks SEC(".maps");

/* not 0: the next walk shows only chain_tasks that have this value */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8);
} walk_only SEC(".maps");

/* a walk's event is too large for the BPF stack */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct task_state);
} walk_scratch SEC(".maps");

static __always_inline __u32 read_state(struct task_struct *task)
{
	struct task_struct___v513 *old = (void *)task;

	if (bpf_core_field_exists(task->__state))
		return BPF_CORE_READ(task, __state);
	return BPF_CORE_READ(old, state);
}

static __always_inline __u64 read_start_time(struct task_struct *task)
{
	struct task_struct___v54 *old = (void *)task;

	if (bpf_core_field_exists(task->start_boottime))
		return BPF_CORE_READ(task, start_boottime);
	return BPF_CORE_READ(old, real_start_time);
}

/*
 * The next four run at every switch of tasks: they follow pointers as C does, which the verifier
 * allows from a tracepoint's typed arguments, and which costs no call of a helper.
 */

/* It dumps core: its group is exiting, but the dumper works on until that is done. */
static __always_inline bool dumps_core(struct task_struct *task, struct signal_struct *signal)
{
	struct mm_struct___v515 *mm;

	if (bpf_core_field_exists(signal->core_state))
		return FOLLOW(signal, core_state) != NULL;
	mm = (void *)FOLLOW(task, mm);
	return mm && FOLLOW(mm, core_state) != NULL;
}

/* The signal that the task's group is exiting by; 0: it is not, or by exit_group() */
static __always_inline __u32 group_exit_signal(struct signal_struct *signal)
{
	if (!(FOLLOW(signal, flags) & GROUP_EXIT_FLAG))
		return 0;
	return FOLLOW(signal, group_exit_code) & EXIT_SIGNAL;
}

/* enum kill_mark bits of a task; 0 when nobody kills it */
static __always_inline __u32 kill_marks(struct task_struct *task)
{
	struct signal_struct *signal = FOLLOW(task, signal);
	__u32 marks = 0;

	if (FOLLOW(task, pending.signal.sig[0]) & SIGKILL_BIT)
		marks |= KILL_PENDING;
	if (FOLLOW(signal, shared_pending.signal.sig[0]) & SIGKILL_BIT)
		marks |= KILL_SHARED;
	if (group_exit_signal(signal) && !dumps_core(task, signal))
		marks |= KILL_GROUP;
	return marks;
}

/*
 * Of cgroup v2, which holds every task. Where only v1's hierarchies are used they are all at its
 * root: then the memory cgroup says more.
 */
static __always_inline void read_task_cgroup(struct task_state *event, struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct kernfs_node *kn = NULL;
	struct cgroup_subsys_state *css;

	if (bpf_core_field_exists(set->dfl_cgrp))
		kn = BPF_CORE_READ(set, dfl_cgrp, kn);
	if (kn && !kernfs_parent(kn)) {
		css = memory_css(task);
		kn = css ? BPF_CORE_READ(css, cgroup, kn) : kn;
	}
	event->has_cgroup = kn != NULL;
	read_cgroup_path(event->cgroup, kn);
}

/* all but the stack */
static __always_inline void read_task_state(struct task_state *event, struct task_struct *task,
					    __u32 state, __u32 killed)
{
	struct squashfs_call *call;
	__s32 tid;

	read_task(&event->task, task);
	tid = event->task.tid;
	event->address = (__u64)task;
	event->ppid = BPF_CORE_READ(task, real_parent, tgid);
	event->start_t = read_start_time(task);
	event->switches = BPF_CORE_READ(task, nvcsw) + BPF_CORE_READ(task, nivcsw);
	event->state = state;
	event->exit_state = BPF_CORE_READ(task, exit_state);
	event->flags = BPF_CORE_READ(task, flags);
	/* CONFIG_SMP; an int, on 7.2 an u8 with others behind it: read by the kernel's own size */
	if (bpf_core_field_exists(task->on_cpu))
		event->on_cpu = BPF_CORE_READ_BITFIELD_PROBED(task, on_cpu);
	event->killed = killed;
	event->group_exit_code = BPF_CORE_READ(task, signal, group_exit_code);
	event->oom_victim = BPF_CORE_READ(task, signal, oom_mm) != NULL;
	event->cpu = cpu_of(task) + 1;
	if (state)
		event->off_cpu_t = off_cpu_since(task);
	call = bpf_map_lookup_elem(&squashfs_calls, &tid);
	if (call)
		event->squashfs = *call;
	read_task_cgroup(event, task);
}

static __always_inline void remember_mm(struct task_struct *task)
{
	__u64 mm = (__u64)BPF_CORE_READ(task, mm);
	__s32 pid = BPF_CORE_READ(task, tgid);

	if (mm)
		update_map(&killed_mms, &pid, &mm);
}

/* Nobody uses it any more, and it is not free yet: __mmput() of kernel/fork.c unmaps it. So it is
 * not yet another's either. */
static __always_inline bool is_unmapped_now(struct mm_struct *mm)
{
	return !BPF_CORE_READ(mm, mm_users.counter) && BPF_CORE_READ(mm, mm_count.counter) > 0;
}

/* The resident memory that a killed thread keeps, also when exit_mm() has taken the mm from it. */
static __always_inline void read_mm(struct task_state *event, struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	__s32 pid = event->task.pid;
	__u64 *known;

	event->rss = -1;
	event->mm_held = mm != NULL;
	remember_mm(task);
	known = bpf_map_lookup_elem(&killed_mms, &pid);
	if (!known || (!mm && !is_unmapped_now((struct mm_struct *)*known)))
		return;
	event->rss = resident((struct mm_struct *)*known);
	if (event->rss < 0) /* without the shares of the CPUs, a percpu counter may be */
		event->rss = 0;
}

#ifdef WITHOUT_KERNEL_BTF
/* bpf_get_task_stack() takes only a task that the verifier knows by its BTF: user space reads
 * /proc/TID/stack */
static __always_inline void read_stack(struct task_state *event, struct task_struct *task)
{
}
#else
static __always_inline void read_stack(struct task_state *event, struct task_struct *task)
{
	long len = bpf_get_task_stack(task, event->stack, sizeof(event->stack), 0);

	event->stack_len = stack_entries(len);
}
#endif

/* Where switch_to() left the stack pointer of a task that does not run */
static __always_inline __u64 saved_sp(struct task_struct *task)
{
#if defined(__TARGET_ARCH_arm64)
	return BPF_CORE_READ(task, thread.cpu_context.sp);
#elif defined(__TARGET_ARCH_arm)
	return BPF_CORE_READ(thread_info_of(task), cpu_context.sp);
#else
	/* x86; an architecture without this member has no top, and the waits say wait_event */
	if (bpf_core_field_exists(task->thread.sp))
		return BPF_CORE_READ(task, thread.sp);
	return 0;
#endif
}

#if defined(__TARGET_ARCH_arm)
/* Its compilers keep no frame pointers: the words of the stack go to user space, which unwinds. */
static __always_inline void read_words_to_unwind(struct task_state *event, struct task_struct *task)
{
	struct thread_info *info = thread_info_of(task);
	__u32 sp = BPF_CORE_READ(info, cpu_context.sp) + sizeof(event->top);

	bpf_core_read(event->registers, sizeof(event->registers), &info->cpu_context);
	for (int i = 0; i < sizeof(event->stack); i += TOP_PIECE * KERNEL_WORD) {
		if (bpf_probe_read_kernel((void *)event->stack + i, TOP_PIECE * KERNEL_WORD,
					  (void *)(__u64)(sp + i)))
			break;
	}
}
#else
static __always_inline void read_words_to_unwind(struct task_state *event, struct task_struct *task)
{
}
#endif

static __always_inline void read_top(struct task_state *event, struct task_struct *task)
{
	__u64 sp = saved_sp(task);

	if (!sp || event->on_cpu)
		return;
	/* in pieces: a shallow stack ends before sizeof(top) bytes, and a read that faults gives
	 * nothing */
	for (int i = 0; i < sizeof(event->top); i += TOP_PIECE * KERNEL_WORD) {
		if (bpf_probe_read_kernel((void *)event->top + i, TOP_PIECE * KERNEL_WORD,
					  (void *)(sp + i)))
			break;
	}
	read_words_to_unwind(event, task);
}

SEC(TRACEPOINT "signal_generate")
int BPF_PROG(tp_btf_signal_generate, int sig, struct kernel_siginfo *info, struct task_struct *task,
	     int group)
{
	struct fatal_signal *event;

	if (sig != SIGKILL_NUMBER && group_exit_signal(FOLLOW(task, signal)) != sig)
		return 0;
	remember_mm(task);
	event = event_reserve(FATAL_SIGNAL, sizeof(*event));
	if (!event)
		return 0;
	read_current(&event->by);
	read_task(&event->target, task);
	event->signal = sig;
	event->group = group;
	/* SEND_SIG_NOINFO and SEND_SIG_PRIV are 0 and 1: signals without an info */
	if ((__u64)info == 1)
		event->si_code = SI_CODE_KERNEL;
	else if ((__u64)info > 1)
		event->si_code = BPF_CORE_READ(info, si_code);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC(TRACEPOINT "sched_process_exit")
int BPF_PROG(tp_btf_sched_process_exit, struct task_struct *task)
{
	__s32 exit_code = BPF_CORE_READ(task, exit_code);
	struct task_exit *event;

	if (!(exit_code & EXIT_SIGNAL))
		return 0;
	event = event_reserve(TASK_EXIT, sizeof(*event));
	if (!event)
		return 0;
	read_task(&event->task, task);
	event->exit_code = exit_code;
	event->mm_held = BPF_CORE_READ(task, mm) != NULL;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC(TRACEPOINT "sched_process_hang")
int BPF_PROG(tp_btf_sched_process_hang, struct task_struct *task)
{
	struct task_hung *event = event_reserve(TASK_HUNG, sizeof(*event));

	if (!event)
		return 0;
	read_task(&event->task, task);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

static __always_inline void report_dead(struct task_struct *task)
{
	__s32 exit_code = BPF_CORE_READ(task, exit_code);
	__s32 tid = BPF_CORE_READ(task, pid);
	struct task_dead *event;

	if (!(exit_code & EXIT_SIGNAL) && !bpf_map_lookup_elem(&watched, &tid))
		return;
	event = event_reserve(TASK_DEAD, sizeof(*event));
	if (!event)
		return;
	read_task(&event->task, task);
	event->exit_code = exit_code;
	bpf_ringbuf_submit(event, 0);
	bpf_map_delete_elem(&watched, &tid);
	bpf_map_delete_elem(&killed_switches, &tid);
	bpf_map_delete_elem(&squashfs_calls, &tid);
}

/* A killed thread that still runs after stuck_after: at most one look in that time. */
static __always_inline void report_running(struct task_struct *task, __s32 tid, __u32 killed)
{
	struct last_switch *last = bpf_map_lookup_elem(&killed_switches, &tid);
	__u64 now = NOW();
	struct last_switch first = { .running_t = now };
	struct task_state *event;

	if (!last) {
		update_map(&killed_switches, &tid, &first);
		return;
	}
	if (now - last->running_t < stuck_after_ns)
		return;
	last->running_t = now;
	event = event_reserve(TASK_STATE, sizeof(*event));
	if (!event)
		return;
	read_task_state(event, task, 0, killed);
	read_mm(event, task);
	event->source = FROM_SWITCH;
	read_stack(event, task);
	bpf_ringbuf_submit(event, 0);
}

static __always_inline void remember_sleep(__s32 tid)
{
	struct last_switch *last = bpf_map_lookup_elem(&killed_switches, &tid);
	__u64 now = NOW();
	struct last_switch first = { .asleep_t = now, .running_t = now };

	if (last)
		last->asleep_t = now;
	else
		update_map(&killed_switches, &tid, &first);
}

static __always_inline int handle_switch(bool preempt, struct task_struct *prev, __u32 state)
{
	__u32 killed;
	__s32 tid;

	if (FOLLOW(prev, exit_state)) {
		report_dead(prev);
		return 0;
	}
	/* a preempted task may carry the state it was about to sleep in: it does not sleep */
	if (preempt)
		state = 0;
	if (state && !sleeps_uninterruptibly(state, task_noload))
		return 0;
	killed = kill_marks(prev);
	if (!killed)
		return 0;
	tid = BPF_CORE_READ(prev, pid);
	if (state)
		remember_sleep(tid);
	else
		report_running(prev, tid, killed);
	return 0;
}

SEC(TRACEPOINT "sched_switch")
int tp_btf_sched_switch(__u64 *ctx)
{
	struct task_struct *prev = (struct task_struct *)ctx[1];
	__u32 state = sched_switch_has_prev_state ? (__u32)ctx[3] : read_state(prev);

	return handle_switch(ctx[0], prev, state);
}

/* in a walk; by_itself: for what the task does */
static __always_inline bool is_shown(struct task_struct *task, bool by_itself)
{
	__u32 zero = 0;
	__s32 tid = FOLLOW(task, pid);
	__u8 *only = bpf_map_lookup_elem(&walk_only, &zero);
	__u8 *chained = bpf_map_lookup_elem(&chain_tasks, &tid);

	if (only && *only)
		return chained && *chained == *only;
	return by_itself || chained;
}

/* It could run, and has called squashfs_cache_get(): it may be about to fill an entry that others
 * wait for. */
static __always_inline bool may_fill_an_entry(struct task_struct *task, __u32 state)
{
	__s32 tid = FOLLOW(task, pid);

	return !state && bpf_map_lookup_elem(&squashfs_calls, &tid);
}

/* The event of a task that a walk shows, in walk_scratch, or NULL */
static __always_inline struct task_state *look_at(struct task_struct *task)
{
	struct last_switch *last;
	struct task_state *event;
	__u32 zero = 0, state, killed;
	__u8 one = 1;
	__s32 tid;

	state = read_state(task);
	killed = kill_marks(task);
	if (!is_shown(task, killed || sleeps_uninterruptibly(state, task_noload) ||
				    may_fill_an_entry(task, state)))
		return NULL;
	event = bpf_map_lookup_elem(&walk_scratch, &zero);
	if (!event)
		return NULL;
	clear(event, sizeof(*event));
	event_init(&event->event, TASK_STATE, sizeof(*event));
	event->source = FROM_WALK;
	read_task_state(event, task, state, killed);
	tid = event->task.tid;
	last = bpf_map_lookup_elem(&killed_switches, &tid);
	if (last && sleeps_uninterruptibly(state, task_noload))
		event->asleep_t = last->asleep_t;
	if (!event->exit_state) {
		read_stack(event, task);
		read_top(event, task);
	}
	event->rss = -1;
	if (killed && !event->exit_state) {
		update_map(&watched, &tid, &one);
		read_mm(event, task);
	}
	return event;
}

#ifdef WITHOUT_KERNEL_BTF
#include "walk.bpf.h"
#else
SEC("iter/task")
int iter_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_state *event = task ? look_at(task) : NULL;

	/* Returns -EOVERFLOW when seq's page is full: the kernel then shows the task again. */
	if (event)
		bpf_seq_write(ctx->meta->seq, event, sizeof(*event));
	return 0;
}
#endif

char LICENSE[] SEC("license") = "GPL";

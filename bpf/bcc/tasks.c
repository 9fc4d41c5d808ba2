/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tasks: who is sent SIGKILL, who sleeps on after it, who dies. As ../tasks.bpf.c, but a walk over
 * all tasks is not possible here: ktrace reads /proc, and takes from these maps what /proc lacks.
 */
#define GROUP_LOOKS 16

BPF_TABLE("lru_hash", s32, struct last_switch, killed_switches, 4096);
BPF_TABLE("lru_hash", s32, struct killed_sleep, killed_sleeps, 512);
/* threads that a walk found killed: report their death even if no signal is in their exit code */
BPF_TABLE("lru_hash", s32, u8, watched, 4096);
/* too large for the BPF stack; one each: an interrupt may generate a signal inside sched_switch */
BPF_PERCPU_ARRAY(state_scratch, struct task_state, 1);
BPF_PERCPU_ARRAY(own_scratch, struct task_state, 1);
BPF_PERCPU_ARRAY(sleep_scratch, struct killed_sleep, 1);

static __always_inline u32 read_state(struct task_struct *task)
{
#ifdef HAVE_TASK___STATE
	return READ(task, __state);
#else
	return READ(task, state);
#endif
}

/* in whole clock ticks, as field 22 of /proc/TID/stat: both are the task's identity */
static __always_inline u64 read_start_time(struct task_struct *task)
{
#ifdef HAVE_TASK_START_BOOTTIME
	u64 start = READ(task, start_boottime);
#else
	u64 start = READ(task, real_start_time);
#endif
	return start - start % TICK_NS;
}

static __always_inline bool dumps_core(struct task_struct *task, struct signal_struct *signal)
{
#ifdef HAVE_SIGNAL_CORE_STATE
	return READ(signal, core_state) != NULL;
#else
	struct mm_struct *mm = READ(task, mm);

	return mm && READ(mm, core_state) != NULL;
#endif
}

/* The signal that the task's group is exiting by; 0: it is not, or by exit_group() */
static __always_inline u32 group_exit_signal(struct signal_struct *signal)
{
	if (!(READ(signal, flags) & GROUP_EXIT_FLAG))
		return 0;
	return READ(signal, group_exit_code) & EXIT_SIGNAL;
}

/* enum kill_mark bits of a task; 0 when nobody kills it */
static __always_inline u32 kill_marks(struct task_struct *task)
{
	struct signal_struct *signal = READ(task, signal);
	unsigned long pending = 0, shared = 0;
	u32 marks = 0;

	bpf_probe_read_kernel(&pending, sizeof(pending), (void *)&task->pending.signal);
	bpf_probe_read_kernel(&shared, sizeof(shared), (void *)&signal->shared_pending.signal);
	if (pending & SIGKILL_BIT)
		marks |= KILL_PENDING;
	if (shared & SIGKILL_BIT)
		marks |= KILL_SHARED;
	if (group_exit_signal(signal) && !dumps_core(task, signal))
		marks |= KILL_GROUP;
	return marks;
}

static __always_inline u64 read_switches(struct task_struct *task)
{
	return READ(task, nvcsw) + READ(task, nivcsw);
}

/* all but the stack */
static __always_inline void read_task_state(struct task_state *event, struct task_struct *task,
					    u32 state, u32 killed)
{
	struct signal_struct *signal = READ(task, signal);
	struct task_struct *parent = READ(task, real_parent);
	struct squashfs_call *call;
	s32 tid;

	clear(event, sizeof(*event));
	event_init(&event->event, TASK_STATE, sizeof(*event));
	event->source = FROM_SWITCH;
	read_task(&event->task, task);
	tid = event->task.tid;
	event->ppid = READ(parent, tgid);
	event->start_t = read_start_time(task);
	event->switches = read_switches(task);
	event->state = state;
	event->exit_state = READ(task, exit_state);
	event->flags = READ(task, flags);
#ifdef HAVE_TASK_ON_CPU
	event->on_cpu = READ(task, on_cpu);
#endif
	event->killed = killed;
	event->group_exit_code = READ(signal, group_exit_code);
#ifdef HAVE_SIGNAL_OOM_MM
	event->oom_victim = READ(signal, oom_mm) != NULL;
#endif
	call = squashfs_calls.lookup(&tid);
	if (call)
		event->squashfs = *call;
}

/* Where switch_to() left the stack pointer of a task that does not run; 0: not known here */
static __always_inline u64 saved_sp(struct task_struct *task)
{
#if defined(__aarch64__)
	return READ(task, thread.cpu_context.sp);
#elif defined(__x86_64__)
	return READ(task, thread.sp);
#else
	return 0;
#endif
}

/* Only now is the task at hand: /proc shows neither its exact state nor the scheduler's frames. */
static __always_inline void remember_killed_sleep(struct task_struct *task)
{
	u32 zero = 0, state = read_state(task);
	struct killed_sleep *sleep = sleep_scratch.lookup(&zero);
	s32 tid = READ(task, pid);
	u64 sp = saved_sp(task);

	if (!sleep || !state)
		return;
	clear(sleep, sizeof(*sleep));
	sleep->switches = read_switches(task);
	sleep->state = state;
	/* in pieces: a shallow stack ends before TOP_LEN words, and a read that faults gives
	 * nothing */
#pragma unroll
	for (int i = 0; i < TOP_LEN; i += TOP_PIECE) {
		if (!sp || bpf_probe_read_kernel(sleep->top + i, TOP_PIECE * sizeof(u64),
						 (void *)(sp + i * sizeof(u64))))
			break;
	}
	killed_sleeps.update(&tid, sleep);
}

/* SIGKILL is generated for one thread, and given to all of its group (complete_signal(),
 * kernel/signal.c). The first GROUP_LOOKS are looked at: older verifiers know no loops. */
static __always_inline void remember_sleeping_group(struct task_struct *task)
{
	struct signal_struct *signal = READ(task, signal);
	void *end = (void *)&signal->thread_head;
	void *node = (void *)READ(signal, thread_head.next);

	remember_killed_sleep(task);
#pragma unroll
	for (int i = 0; i < GROUP_LOOKS; i++) {
		struct task_struct *thread;

		if (!node || node == end)
			break;
		thread = node - offsetof(struct task_struct, thread_node);
		if (thread != task)
			remember_killed_sleep(thread);
		node = (void *)READ(thread, thread_node.next);
	}
}

/* The loader's own question: it sends itself SIGURG, which is ignored, to see whether the headers
 * are this kernel's. */
static __always_inline void report_own(void *ctx, struct task_struct *task)
{
	u32 zero = 0;
	struct task_state *event = own_scratch.lookup(&zero);

	if (!event)
		return;
	read_task_state(event, task, 0, 0);
	event->source = FROM_WALK;
	submit(ctx, event, sizeof(*event), TASK_STATE);
}

/* TP_PROTO(int sig, struct kernel_siginfo *info, struct task_struct *task, int group, int result)
 */
int on_signal_generate(struct bpf_raw_tracepoint_args *ctx)
{
	int sig = ctx->args[0];
	u64 info = ctx->args[1];
	struct task_struct *task = (struct task_struct *)ctx->args[2];
	struct fatal_signal event = {};

	if (sig == SIGURG_NUMBER && bpf_get_current_pid_tgid() >> 32 == KTRACE_PID &&
	    READ(task, tgid) == KTRACE_PID) {
		report_own(ctx, task);
		return 0;
	}
	if (sig != SIGKILL_NUMBER && group_exit_signal(READ(task, signal)) != sig)
		return 0;
	event_init(&event.event, FATAL_SIGNAL, sizeof(event));
	read_current(&event.by);
	read_task(&event.target, task);
	event.signal = sig;
	event.group = ctx->args[3];
	/* SEND_SIG_NOINFO and SEND_SIG_PRIV are 0 and 1: signals without an info */
	if (info == 1)
		event.si_code = SI_CODE_KERNEL;
	else if (info > 1)
#ifdef HAVE_KERNEL_SIGINFO
		event.si_code = READ((struct kernel_siginfo *)info, si_code);
#else
		event.si_code = READ((struct siginfo *)info, si_code);
#endif
	remember_sleeping_group(task);
	submit(ctx, &event, sizeof(event), FATAL_SIGNAL);
	return 0;
}

int on_sched_process_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	struct task_exit event = {};

	event.exit_code = READ(task, exit_code);
	if (!(event.exit_code & EXIT_SIGNAL))
		return 0;
	event_init(&event.event, TASK_EXIT, sizeof(event));
	read_task(&event.task, task);
	event.mm_held = READ(task, mm) != NULL;
	submit(ctx, &event, sizeof(event), TASK_EXIT);
	return 0;
}

int on_sched_process_hang(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	struct task_hung event = {};

	event_init(&event.event, TASK_HUNG, sizeof(event));
	read_task(&event.task, task);
	submit(ctx, &event, sizeof(event), TASK_HUNG);
	return 0;
}

static __always_inline void report_dead(void *ctx, struct task_struct *task)
{
	s32 tid = READ(task, pid);
	struct task_dead event = {};

	event.exit_code = READ(task, exit_code);
	if (!(event.exit_code & EXIT_SIGNAL) && !watched.lookup(&tid))
		return;
	event_init(&event.event, TASK_DEAD, sizeof(event));
	read_task(&event.task, task);
	submit(ctx, &event, sizeof(event), TASK_DEAD);
	watched.delete(&tid);
	killed_switches.delete(&tid);
	killed_sleeps.delete(&tid);
	squashfs_calls.delete(&tid);
}

/* A killed thread that still runs after stuck_after: at most one look in that time. */
static __always_inline void report_running(void *ctx, struct task_struct *task, s32 tid, u32 killed)
{
	struct last_switch *last = killed_switches.lookup(&tid);
	u64 now = NOW();
	struct last_switch first = { .running_t = now };
	struct task_state *event;
	u32 zero = 0;
	long len;

	if (!last) {
		killed_switches.update(&tid, &first);
		return;
	}
	if (now - last->running_t < STUCK_AFTER_NS)
		return;
	last->running_t = now;
	event = state_scratch.lookup(&zero);
	if (!event)
		return;
	read_task_state(event, task, 0, killed);
#ifdef HAVE_GET_STACK
	len = bpf_get_stack(ctx, event->stack, sizeof(event->stack), 0);
	event->stack_len = stack_entries(len);
#endif
	submit(ctx, event, sizeof(*event), TASK_STATE);
}

static __always_inline void remember_sleep(void *ctx, struct task_struct *task, s32 tid, u32 state)
{
	struct last_switch *last = killed_switches.lookup(&tid);
	u64 now = NOW();
	struct last_switch first = { .asleep_t = now, .running_t = now };
	struct killed_sleep *sleep;
	u32 zero = 0;

	if (last)
		last->asleep_t = now;
	else
		killed_switches.update(&tid, &first);
#ifdef HAVE_GET_STACK
	sleep = sleep_scratch.lookup(&zero);
	if (!sleep)
		return;
	clear(sleep, sizeof(*sleep));
	sleep->switches = read_switches(task);
	sleep->state = state;
	/* its own stack, with the scheduler's frames */
	bpf_get_stack(ctx, sleep->top, sizeof(sleep->top), 0);
	killed_sleeps.update(&tid, sleep);
#endif
}

/* TP_PROTO(bool preempt, struct task_struct *prev, struct task_struct *next[, prev_state]) */
int on_sched_switch(struct bpf_raw_tracepoint_args *ctx)
{
	bool preempt = ctx->args[0];
	struct task_struct *prev = (struct task_struct *)ctx->args[1];
	u32 state, killed;
	s32 tid;

	if (READ(prev, exit_state)) {
		report_dead(ctx, prev);
		return 0;
	}
#ifdef HAVE_SWITCH_PREV_STATE
	state = ctx->args[3];
#else
	state = read_state(prev);
#endif
	/* a preempted task may carry the state it was about to sleep in: it does not sleep */
	if (preempt)
		state = 0;
	if (state && !sleeps_uninterruptibly(state, TASK_NOLOAD_BIT))
		return 0;
	killed = kill_marks(prev);
	if (!killed)
		return 0;
	tid = READ(prev, pid);
	if (state)
		remember_sleep(ctx, prev, tid, state);
	else
		report_running(ctx, prev, tid, killed);
	return 0;
}

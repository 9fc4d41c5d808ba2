/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all programs share: maps, emit, loss counters, task reads. As ../ktrace.bpf.h. */
#define SIGURG_NUMBER 23

/* The value of from->member; from is a pointer into the kernel. */
#define READ(from, member)                                                                 \
	({                                                                                 \
		typeof((from)->member) __value = 0;                                        \
		bpf_probe_read_kernel(&__value, sizeof(__value), (void *)&(from)->member); \
		__value;                                                                   \
	})

BPF_PERF_OUTPUT(events);
/* by enum event_kind: events that did not get into the buffer */
BPF_ARRAY(lost, u64, EVENT_KINDS);
/* tid -> its newest squashfs_cache_get() */
BPF_TABLE("lru_hash", s32, struct squashfs_call, squashfs_calls, 4096);

static __always_inline void count_lost(u32 kind)
{
	u64 *count = lost.lookup(&kind);

	if (count)
		__sync_fetch_and_add(count, 1);
}

/* Counted as lost when the buffer is full. A function: bcc does not rewrite calls in macros. */
static __always_inline void submit(void *ctx, void *event, u32 size, u32 kind)
{
	if (events.perf_submit(ctx, event, size))
		count_lost(kind);
}

static __always_inline void read_task(struct task *to, struct task_struct *task)
{
	to->pid = READ(task, tgid);
	to->tid = READ(task, pid);
	bpf_probe_read_kernel_str(to->comm, sizeof(to->comm), (void *)&task->comm);
}

/* The path of css, leaf first, NUL after each component; the root has an empty name. */
static __always_inline void read_cgroup(char *path, struct cgroup_subsys_state *css)
{
	struct cgroup *cgroup = READ(css, cgroup);
	struct kernfs_node *kn = READ(cgroup, kn);
	u64 end = 0;

#pragma unroll
	for (int i = 0; i < CGROUP_DEPTH; i++) {
		long len;

		/* what the compiler knows of end the verifier does not: let it compare here */
		asm volatile("" : "+r"(end));
		if (!kn || end > CGROUP_LEN - CGROUP_COMPONENT_LEN)
			break;
		len = bpf_probe_read_kernel_str(path + end, CGROUP_COMPONENT_LEN,
						(void *)READ(kn, name));
		if (len < 0 || len > CGROUP_COMPONENT_LEN)
			break;
		end += len;
#ifdef HAVE_KERNFS___PARENT
		kn = (struct kernfs_node *)READ(kn, __parent);
#else
		kn = READ(kn, parent);
#endif
	}
}

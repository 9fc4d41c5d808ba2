/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The OOM killer: mm/oom_kill.c. As ../oom.bpf.c. */
BPF_PERCPU_ARRAY(out_of_memory_scratch, struct out_of_memory, 1);
BPF_PERCPU_ARRAY(oom_kill_scratch, struct oom_kill, 1);

/* As cgroup_id() of ../oom_counts.bpf.h. kernfs_node.id is a union of the same eight bytes before
 * v5.5, 67c0496e87d1 ("kernfs: convert kernfs_node->id from union kernfs_node_id to u64"). */
static __always_inline u64 memcg_id(struct oom_control *oc)
{
	u64 id = 0;
#ifdef HAVE_MEMCG
	struct mem_cgroup *memcg = READ(oc, memcg);
	struct cgroup *cgroup;
	struct kernfs_node *kn;

	if (!memcg)
		return 0;
	cgroup = READ(memcg, css.cgroup);
	kn = READ(cgroup, kn);
	bpf_probe_read_kernel(&id, sizeof(id), (void *)&kn->id);
#endif
	return id;
}

int kprobe_out_of_memory(struct pt_regs *ctx)
{
	struct oom_control *oc = (struct oom_control *)PT_REGS_PARM1(ctx);
	u32 zero = 0;
	struct out_of_memory *event = out_of_memory_scratch.lookup(&zero);
	struct mem_cgroup *memcg;

	if (!event)
		return 0;
	clear(event, sizeof(*event));
	event_init(&event->event, OUT_OF_MEMORY, sizeof(*event));
	read_current(&event->by);
	bpf_probe_read_kernel(&event->gfp_mask, sizeof(event->gfp_mask), (void *)&oc->gfp_mask);
	event->order = READ(oc, order);
#ifdef HAVE_MEMCG
	memcg = READ(oc, memcg);
	if (memcg) {
		event->memcg_oom = 1;
		event->cgroup_id = memcg_id(oc);
		read_cgroup(event->memcg, (struct cgroup_subsys_state *)&memcg->css);
	}
#endif
	submit(ctx, event, sizeof(*event), OUT_OF_MEMORY);
	return 0;
}

static __always_inline s64 read_rss(struct mm_struct *mm, int member)
{
	s64 value = 0;

#ifdef HAVE_RSS_PERCPU
	bpf_probe_read_kernel(&value, sizeof(value), (void *)&mm->rss_stat[member].count);
#else
	bpf_probe_read_kernel(&value, sizeof(long), (void *)&mm->rss_stat.count[member]);
#endif
	return value;
}

static __always_inline void read_memory(struct oom_kill *event, struct task_struct *victim)
{
	struct mm_struct *mm = READ(victim, mm);

	if (!mm)
		return;
	event->total_vm = READ(mm, total_vm);
#ifdef HAVE_PGTABLES_BYTES
	bpf_probe_read_kernel(&event->pgtables, sizeof(long), (void *)&mm->pgtables_bytes);
#endif
	event->file_rss = read_rss(mm, FILE_PAGES);
	event->anon_rss = read_rss(mm, ANON_PAGES);
	event->shmem_rss = read_rss(mm, SHMEM_PAGES);
}

int kprobe_oom_kill_process(struct pt_regs *ctx)
{
	struct oom_control *oc = (struct oom_control *)PT_REGS_PARM1(ctx);
	struct task_struct *victim = READ(oc, chosen);
	struct signal_struct *signal;
	const struct cred *cred;
	u32 zero = 0;
	struct oom_kill *event = oom_kill_scratch.lookup(&zero);

	if (!victim || !event)
		return 0;
	clear(event, sizeof(*event));
	event_init(&event->event, OOM_KILL, sizeof(*event));
	read_current(&event->by);
	read_task(&event->victim, victim);
	bpf_probe_read_kernel(&event->gfp_mask, sizeof(event->gfp_mask), (void *)&oc->gfp_mask);
	event->order = READ(oc, order);
#ifdef HAVE_OC_CONSTRAINT
	event->constraint = READ(oc, constraint);
#endif
	event->points = READ(oc, chosen_points);
	event->totalpages = READ(oc, totalpages);
	signal = READ(victim, signal);
	event->oom_score_adj = READ(signal, oom_score_adj);
	event->threads = READ(signal, nr_threads);
	cred = (const struct cred *)READ(victim, real_cred);
	bpf_probe_read_kernel(&event->uid, sizeof(event->uid), (void *)&cred->uid);
	read_memory(event, victim);
	event->domain_id = memcg_id(oc);
#ifdef HAVE_MEMCG
	struct css_set *set = READ(victim, cgroups);
	struct cgroup_subsys_state *css = READ(set, subsys[memory_cgrp_id]);

	read_cgroup(event->cgroup, css);
#endif
	submit(ctx, event, sizeof(*event), OOM_KILL);
	return 0;
}

/* TP_PROTO(int pid), or (struct task_struct *task, uid_t uid) since v6.10, 72ba14deb40a */
int on_mark_victim(struct bpf_raw_tracepoint_args *ctx)
{
	struct oom_victim event = {};

	event_init(&event.event, OOM_VICTIM, sizeof(event));
	read_current(&event.by);
#ifdef HAVE_MARK_VICTIM_TASK
	event.tid = READ((struct task_struct *)ctx->args[0], pid);
	event.pid = READ((struct task_struct *)ctx->args[0], tgid);
#else
	event.tid = ctx->args[0];
#endif
	submit(ctx, &event, sizeof(event), OOM_VICTIM);
	return 0;
}

static __always_inline int handle_reap(void *ctx, u32 step, s32 tid)
{
	struct oom_reap event = { .rss = -1 };

	event_init(&event.event, OOM_REAP, sizeof(event));
	event.step = step;
	event.tid = tid;
	submit(ctx, &event, sizeof(event), OOM_REAP);
	return 0;
}

int on_wake_reaper(struct bpf_raw_tracepoint_args *ctx)
{
	return handle_reap(ctx, REAP_WAKE, ctx->args[0]);
}

int on_start_task_reaping(struct bpf_raw_tracepoint_args *ctx)
{
	return handle_reap(ctx, REAP_START, ctx->args[0]);
}

int on_finish_task_reaping(struct bpf_raw_tracepoint_args *ctx)
{
	return handle_reap(ctx, REAP_FINISH, ctx->args[0]);
}

int on_skip_task_reaping(struct bpf_raw_tracepoint_args *ctx)
{
	return handle_reap(ctx, REAP_SKIP, ctx->args[0]);
}

/* TP_PROTO(struct task_struct *task) */
int on_oom_score_adj_update(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx->args[0];
	struct signal_struct *signal = READ(task, signal);
	struct oom_adjust event = {};

	event_init(&event.event, OOM_ADJUST, sizeof(event));
	read_current(&event.by);
	read_task(&event.task, task);
	event.oom_score_adj = READ(signal, oom_score_adj);
	submit(ctx, &event, sizeof(event), OOM_ADJUST);
	return 0;
}

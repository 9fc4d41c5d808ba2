// SPDX-License-Identifier: GPL-2.0-or-later
/* The OOM killer: mm/oom_kill.c */
#include "ktrace.bpf.h"
#include "mm.bpf.h"
#include "oom_counts.bpf.h"

/* mark_victim's first argument is the task since v6.10, 72ba14deb40a ("mm: update mark_victim
 * tracepoints fields"), also in stable kernels; before, the pid. Set from BTF before loading. */
const volatile bool mark_victim_takes_task = true;

const enum reap_step *unused_reap_step __attribute__((unused));
const struct out_of_memory *unused_out_of_memory __attribute__((unused));
const struct oom_kill *unused_oom_kill __attribute__((unused));
const struct oom_victim *unused_oom_victim __attribute__((unused));
const struct oom_reap *unused_oom_reap __attribute__((unused));
const struct oom_adjust *unused_oom_adjust __attribute__((unused));

/* tgid or tid of an OOM victim -> its mm, which signal->oom_mm keeps while the reaper works */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __s32);
	__type(value, __u64);
} victim_mms SEC(".maps");

static __always_inline void send_out_of_memory(struct oom_control *oc, struct mem_cgroup *memcg)
{
	struct out_of_memory *event = event_reserve(OUT_OF_MEMORY, sizeof(*event));

	if (!event)
		return;
	read_current(&event->by);
	event->gfp_mask = BPF_CORE_READ(oc, gfp_mask);
	event->order = BPF_CORE_READ(oc, order);
	if (memcg) {
		event->memcg_oom = 1;
		event->cgroup_id = cgroup_id(memcg);
		read_cgroup(event->memcg, __builtin_preserve_access_index(&memcg->css));
	}
	bpf_ringbuf_submit(event, 0);
}

/* Counted always, sent while there are few: a livelock calls this thousands of times. */
static __always_inline int handle_out_of_memory(void *ctx, struct oom_control *oc)
{
	struct mem_cgroup *memcg = BPF_CORE_READ(oc, memcg);
	struct oom_domain_counts *domain = count_call(ctx, CALL_OUT_OF_MEMORY, memcg);
	__s32 tid = bpf_get_current_pid_tgid();
	struct oom_inside inside = { .oc = (__u64)oc, .t = bpf_ktime_get_boot_ns() };

	update_map(&oom_inside, &tid, &inside);
	if (!domain || may_send(domain))
		send_out_of_memory(oc, memcg);
	if (domain) {
		domain->gfp_mask = BPF_CORE_READ(oc, gfp_mask);
		domain->order = BPF_CORE_READ(oc, order);
	}
	return 0;
}

/* select_bad_process() leaves in oc->chosen whom it found. Nobody, and false, is also the answer
 * while the OOM killer is disabled for suspend; that lasts no longer than freezing the tasks. */
static __always_inline __u32 result_of(struct oom_control *oc, bool returned)
{
	__u64 chosen = (__u64)BPF_CORE_READ(oc, chosen);

	if (chosen == WORD_MAX)
		return RESULT_WAITS;
	if (chosen)
		return RESULT_KILLED;
	return returned ? RESULT_OTHER : RESULT_NOBODY;
}

static __always_inline int handle_return(struct oom_control *oc, bool returned)
{
	struct oom_domain_key key = {
		.cgroup = cgroup_id(BPF_CORE_READ(oc, memcg)),
		.call = CALL_OUT_OF_MEMORY,
	};
	struct oom_domain_counts *domain = bpf_map_lookup_elem(&oom_domains, &key);
	__u32 result = result_of(oc, returned);

	if (!domain || result >= OOM_RESULTS)
		return 0;
	count_one(&domain->results[result]);
	domain->constraint = BPF_CORE_READ(oc, constraint);
	return 0;
}

static __always_inline void remember_mm(__s32 id, struct mm_struct *mm)
{
	__u64 value = (__u64)mm;

	if (mm)
		update_map(&victim_mms, &id, &value);
}

static __always_inline void read_memory(struct oom_kill *event, struct task_struct *victim)
{
	struct mm_struct *mm = BPF_CORE_READ(victim, mm);

	if (!mm)
		return;
	event->total_vm = BPF_CORE_READ(mm, total_vm);
	event->pgtables = BPF_CORE_READ(mm, pgtables_bytes.counter);
	event->file_rss = read_rss(mm, FILE_PAGES);
	event->anon_rss = read_rss(mm, ANON_PAGES);
	event->shmem_rss = read_rss(mm, SHMEM_PAGES);
}

static __always_inline int handle_oom_kill_process(struct oom_control *oc)
{
	struct task_struct *victim = BPF_CORE_READ(oc, chosen);
	struct cgroup_subsys_state *css;
	__s32 tid = bpf_get_current_pid_tgid();
	struct oom_inside *call = bpf_map_lookup_elem(&oom_inside, &tid);
	struct oom_kill *event;

	if (!victim)
		return 0;
	event = event_reserve(OOM_KILL, sizeof(*event));
	if (!event)
		return 0;
	read_current(&event->by);
	read_task(&event->victim, victim);
	if (call && call->oc == (__u64)oc)
		event->invoked_t = call->t;
	event->gfp_mask = BPF_CORE_READ(oc, gfp_mask);
	event->order = BPF_CORE_READ(oc, order);
	event->constraint = BPF_CORE_READ(oc, constraint);
	event->points = BPF_CORE_READ(oc, chosen_points);
	event->totalpages = BPF_CORE_READ(oc, totalpages);
	event->oom_score_adj = BPF_CORE_READ(victim, signal, oom_score_adj);
	event->threads = BPF_CORE_READ(victim, signal, nr_threads);
	event->uid = BPF_CORE_READ(victim, real_cred, uid.val);
	event->domain_id = cgroup_id(BPF_CORE_READ(oc, memcg));
	read_memory(event, victim);
	remember_mm(event->victim.pid, BPF_CORE_READ(victim, mm));
	css = memory_css(victim);
	if (css)
		read_cgroup(event->cgroup, css);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

static __always_inline int handle_reap(__u32 step, __s32 tid)
{
	struct oom_reap *event = event_reserve(OOM_REAP, sizeof(*event));
	__u64 *mm;

	if (!event)
		return 0;
	event->step = step;
	event->tid = tid;
	event->rss = -1;
	mm = bpf_map_lookup_elem(&victim_mms, &tid);
	if (mm) {
		event->rss = resident((void *)*mm);
	}
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("fentry/out_of_memory")
int BPF_PROG(fentry_out_of_memory, struct oom_control *oc)
{
	return handle_out_of_memory(ctx, oc);
}

SEC("kprobe/out_of_memory")
int BPF_KPROBE(kprobe_out_of_memory, struct oom_control *oc)
{
	return handle_out_of_memory(ctx, oc);
}

SEC("fexit/out_of_memory")
int BPF_PROG(fexit_out_of_memory, struct oom_control *oc, bool returned)
{
	return handle_return(oc, returned);
}

SEC("kretprobe/out_of_memory")
int BPF_KRETPROBE(kretprobe_out_of_memory, bool returned)
{
	__s32 tid = bpf_get_current_pid_tgid();
	struct oom_inside *call = bpf_map_lookup_elem(&oom_inside, &tid);

	return call ? handle_return((struct oom_control *)call->oc, returned) : 0;
}

SEC("fentry/oom_kill_process")
int BPF_PROG(fentry_oom_kill_process, struct oom_control *oc)
{
	return handle_oom_kill_process(oc);
}

SEC("kprobe/oom_kill_process")
int BPF_KPROBE(kprobe_oom_kill_process, struct oom_control *oc)
{
	return handle_oom_kill_process(oc);
}

SEC("raw_tp/mark_victim")
int raw_tp_mark_victim(__u64 *args)
{
	__u64 victim = args[0];
	struct oom_victim *event = event_reserve(OOM_VICTIM, sizeof(*event));

	if (!event)
		return 0;
	read_current(&event->by);
	if (mark_victim_takes_task) {
		event->tid = BPF_CORE_READ((struct task_struct *)victim, pid);
		event->pid = BPF_CORE_READ((struct task_struct *)victim, tgid);
		remember_mm(event->tid,
			    BPF_CORE_READ((struct task_struct *)victim, signal, oom_mm));
	} else {
		event->tid = victim;
		event->pid = 0;
	}
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("raw_tp/wake_reaper")
int raw_tp_wake_reaper(__u64 *args)
{
	return handle_reap(REAP_WAKE, args[0]);
}

SEC("raw_tp/start_task_reaping")
int raw_tp_start_task_reaping(__u64 *args)
{
	return handle_reap(REAP_START, args[0]);
}

SEC("raw_tp/finish_task_reaping")
int raw_tp_finish_task_reaping(__u64 *args)
{
	return handle_reap(REAP_FINISH, args[0]);
}

SEC("raw_tp/skip_task_reaping")
int raw_tp_skip_task_reaping(__u64 *args)
{
	return handle_reap(REAP_SKIP, args[0]);
}

SEC("raw_tp/reclaim_retry_zone")
int raw_tp_reclaim_retry_zone(__u64 *args)
{
	struct oom_domain_counts *domain = count_call(args, CALL_RECLAIM_RETRY_ZONE, NULL);

	if (domain)
		domain->order = args[1];
	return 0;
}

SEC("raw_tp/compact_retry")
int raw_tp_compact_retry(__u64 *args)
{
	struct oom_domain_counts *domain = count_call(args, CALL_COMPACT_RETRY, NULL);

	if (domain)
		domain->order = args[0];
	return 0;
}

SEC("raw_tp/oom_score_adj_update")
int raw_tp_oom_score_adj_update(__u64 *args)
{
	struct task_struct *task = (struct task_struct *)args[0];
	struct oom_adjust *event = event_reserve(OOM_ADJUST, sizeof(*event));

	if (!event)
		return 0;
	read_current(&event->by);
	read_task(&event->task, task);
	event->oom_score_adj = BPF_CORE_READ(task, signal, oom_score_adj);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";

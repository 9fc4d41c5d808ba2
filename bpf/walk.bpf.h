/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A walk over all tasks where there is no iterator: attached to nothing, BPF_PROG_TEST_RUN runs it
 * (raw_tp programs since v5.10, 1b4d60ec162f). As for_each_process_thread() of
 * include/linux/sched/signal.h, in rounds: a loop over all would be too much for the verifier. The
 * rounds are joined by tail calls, so they are one program run, inside one RCU read section.
 */
#ifndef KTRACE_WALK_BPF_H
#define KTRACE_WALK_BPF_H

#include "walk_place.h"

#define WALK_ROUND 32

const struct walk_place *unused_walk_place __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct walk_place);
} walk_places SEC(".maps");

/* this program */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} walk_rounds SEC(".maps");

static __always_inline void begin_walk(struct walk_place *at)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	at->first = (__u64)BPF_CORE_READ(task, group_leader);
	at->leader = at->task = at->first;
}

/* To the next thread, or the first of the next process; false: that was the last. */
static __always_inline bool next_task(struct walk_place *at)
{
	struct task_struct *task = (struct task_struct *)at->task;
	struct task_struct *leader = (struct task_struct *)at->leader;
	__u64 signal = (__u64)BPF_CORE_READ(task, signal);
	__u64 node = (__u64)BPF_CORE_READ(task, thread_node.next);

	if (node != signal + bpf_core_field_offset(struct signal_struct, thread_head)) {
		at->task = node - bpf_core_field_offset(struct task_struct, thread_node);
		return true;
	}
	node = (__u64)BPF_CORE_READ(leader, tasks.next);
	at->leader = node - bpf_core_field_offset(struct task_struct, tasks);
	at->task = at->leader;
	return at->leader != at->first;
}

SEC("raw_tp/task")
int walk_tasks(void *ctx)
{
	__u32 zero = 0;
	struct walk_place *at = bpf_map_lookup_elem(&walk_places, &zero);

	if (!at)
		return 0;
	if (!at->first)
		begin_walk(at);
	for (int i = 0; i < WALK_ROUND; i++) {
		struct task_state *event = look_at((struct task_struct *)at->task);

		at->tasks++;
		if (event && bpf_ringbuf_output(&events, event, sizeof(*event), 0))
			count_lost(TASK_STATE);
		if (!next_task(at)) {
			at->done = 1;
			return 0;
		}
	}
	bpf_tail_call(ctx, &walk_rounds, 0);
	return 0;
}

#endif

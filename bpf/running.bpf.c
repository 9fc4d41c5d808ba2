// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a task is that runs: its saved stack is an old one, so it is interrupted.
 *
 * User space opens a perf event on the CPU clock for one task at a time and gives it this program:
 * it costs only those tasks, and only while they run.
 */
#include "ktrace.bpf.h"

const struct task_runs *unused_task_runs __attribute__((unused));

SEC("perf_event")
int sample_running(struct bpf_perf_event_data *ctx)
{
	struct task_runs *event = event_reserve(TASK_RUNS, sizeof(*event));

	if (!event)
		return 0;
	read_current(&event->task);
	event->cpu = bpf_get_smp_processor_id();
	event->stack_len = stack_entries(bpf_get_stack(ctx, event->stack, sizeof(event->stack), 0));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a thread waits for a large block: from when it begins to reclaim or compact memory
 * itself, until it has the block or has failed.
 */
#ifndef KTRACE_ALLOCATION_WAITS_H
#define KTRACE_ALLOCATION_WAITS_H

#include "allocations.h"

const volatile __u32 min_order = 3;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ALLOCATION_LOSSES);
	__type(key, __u32);
	__type(value, __u64);
} alloc_losses SEC(".maps");

/* by tid */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __s32);
	__type(value, struct allocation_wait);
} alloc_waits SEC(".maps");

static __always_inline void count_loss(__u32 loss)
{
	__u64 *count = bpf_map_lookup_elem(&alloc_losses, &loss);

	if (count)
		__sync_fetch_and_add(count, 1);
}

static __always_inline __u32 bucket_of(__u64 ns)
{
	__u64 us = ns / 1000;
	__u32 bucket = 0;

	for (__u32 i = 0; i < WAIT_BUCKETS - 1; i++) {
		us >>= 1;
		if (!us)
			break;
		bucket++;
	}
	return bucket;
}

static __always_inline void add_wait(struct allocation_site *site,
				     const struct allocation_wait *wait, __u64 now)
{
	__u64 ns = now - wait->since;
	__u32 bucket = bucket_of(ns);

	__sync_fetch_and_add(&site->waited, 1);
	__sync_fetch_and_add(&site->wait_ns, ns);
	__sync_fetch_and_add(&site->reclaim_ns, wait->reclaim_ns);
	__sync_fetch_and_add(&site->compact_ns, wait->compact_ns);
	if (bucket < WAIT_BUCKETS)
		__sync_fetch_and_add(&site->waits[bucket], 1);
	if (ns > site->longest_ns) {
		site->longest_ns = ns;
		site->longest_t = now;
	}
}

/*
 * The page allocator. A thread that has to reclaim or compact memory passes one of the next two
 * tracepoints first, with the order and the gfp flags that mm_page_alloc then has, too
 * (__alloc_pages_slowpath() of mm/page_alloc.c); an interrupt cannot wait, and has other flags.
 */
static __always_inline struct allocation_wait *begin_wait(__u32 order, __u32 gfp)
{
	struct allocation_wait new = { .since = NOW(), .order = order, .gfp = gfp };
	__s32 tid = (__u32)bpf_get_current_pid_tgid();
	struct allocation_wait *wait = bpf_map_lookup_elem(&alloc_waits, &tid);

	if (wait && wait->order == order && wait->gfp == gfp)
		return wait;
	if (bpf_map_update_elem(&alloc_waits, &tid, &new, BPF_ANY)) {
		count_loss(LOSS_WAITS);
		return NULL;
	}
	return bpf_map_lookup_elem(&alloc_waits, &tid);
}

static __always_inline struct allocation_wait *own_wait(void)
{
	__s32 tid = (__u32)bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&alloc_waits, &tid);
}

static __always_inline int handle_reclaim_begin(__u32 order, __u32 gfp)
{
	struct allocation_wait *wait;

	if (order < min_order)
		return 0;
	wait = begin_wait(order, gfp);
	if (wait)
		wait->step_t = NOW();
	return 0;
}

static __always_inline int handle_reclaim_end(void)
{
	struct allocation_wait *wait = own_wait();

	if (wait && wait->step_t) {
		wait->reclaim_ns += NOW() - wait->step_t;
		wait->step_t = 0;
	}
	return 0;
}

static __always_inline int handle_compact(__u32 order, __u32 gfp)
{
	if (order >= min_order)
		begin_wait(order, gfp);
	return 0;
}

static __always_inline int handle_compaction_begin(void)
{
	struct allocation_wait *wait = own_wait();

	if (wait)
		wait->step_t = NOW();
	return 0;
}

static __always_inline int handle_compaction_end(void)
{
	struct allocation_wait *wait = own_wait();

	if (wait && wait->step_t) {
		wait->compact_ns += NOW() - wait->step_t;
		wait->step_t = 0;
	}
	return 0;
}

/* What this thread's request has waited; NULL: it has not */
static __always_inline struct allocation_wait *end_wait(__u32 order, __u32 gfp,
							struct allocation_wait *to)
{
	__s32 tid = (__u32)bpf_get_current_pid_tgid();
	struct allocation_wait *wait = bpf_map_lookup_elem(&alloc_waits, &tid);

	if (!wait || wait->order != order || wait->gfp != gfp)
		return NULL;
	*to = *wait;
	bpf_map_delete_elem(&alloc_waits, &tid);
	return to;
}

#endif

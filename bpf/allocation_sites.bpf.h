/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Large allocations counted by call site, and those that are alive. */
#ifndef KTRACE_ALLOCATION_SITES_H
#define KTRACE_ALLOCATION_SITES_H

#include "allocation_waits.bpf.h"

const enum allocation_kind *unused_allocation_kind __attribute__((unused));
const enum allocation_loss *unused_allocation_loss __attribute__((unused));

const volatile __u32 may_wait = 0x400; /* ___GFP_DIRECT_RECLAIM */
const volatile __u32 urgent = 0x20; /* ___GFP_HIGH, which GFP_ATOMIC has */
const volatile __u32 compound = 0x40000; /* ___GFP_COMP */
const volatile __u32 possible_cpus = 1;
const volatile __u32 own_pid; /* of ktrace, whose allocations are not of interest */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, struct allocation_site_key);
	__type(value, struct allocation_site);
} alloc_sites SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct allocation_live_key);
	__type(value, struct allocation_live);
} alloc_live SEC(".maps");

/*
 * New sites are made here: they are too large for the BPF stack. One for each program: an interrupt
 * may run another one on this CPU, but not the same (bpf_prog->active).
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, ALLOCATION_KINDS + 1);
	__type(key, __u32);
	__type(value, struct allocation_site);
} new_alloc_site SEC(".maps");

#define INTERRUPT_FRAMES 11 /* three of BPF and the tracepoint among them */

struct request {
	__u32 kind;
	__u32 order;
	__u32 gfp;
	bool failed;
	__u64 bytes;
	__u64 address; /* 0: its end is not watched */
};

static __always_inline __u64 hash_stack(const struct allocation_site *site, __u32 frames)
{
	__u64 hash = 14695981039346656037ULL; /* FNV-1a, but of words */

	for (__u32 i = 0; i < STACK_LEN; i++) {
		if (i >= site->stack_len || i >= frames)
			break;
		hash = (hash ^ site->stack[i]) * 1099511628211ULL;
		hash ^= hash >> 32;
	}
	return hash;
}

static __always_inline void read_own_cgroup(char path[CGROUP_LEN])
{
	struct task_struct *task = (void *)bpf_get_current_task();

	read_cgroup_path(path, BPF_CORE_READ(task, cgroups, dfl_cgrp, kn));
}

/* What an interrupt asks for has nothing to do with the task and the code that it interrupts */
static __always_inline bool may_interrupt(const struct request *request)
{
	return request->kind == ALLOCATION_PAGES && !(request->gfp & may_wait) &&
	       request->gfp & urgent;
}

/* The site of this call, made if need be; NULL: there is no room */
static __always_inline struct allocation_site *find_site(void *ctx, const struct request *request,
							 __u64 now)
{
	struct allocation_site_key key = {};
	struct allocation_site *site;
	__u32 own = request->kind == ALLOCATION_PERCPU && request->failed ? ALLOCATION_KINDS
									  : request->kind;
	struct allocation_site *new = bpf_map_lookup_elem(&new_alloc_site, &own);

	if (!new)
		return NULL;
	new->stack_len = stack_entries(bpf_get_stack(ctx, new->stack, sizeof(new->stack), 0));
	if (may_interrupt(request)) {
		key.stack = hash_stack(new, INTERRUPT_FRAMES);
	} else {
		key.stack = hash_stack(new, STACK_LEN);
		key.cgroup = bpf_get_current_cgroup_id();
		bpf_get_current_comm(key.comm, sizeof(key.comm));
	}
	key.gfp = request->gfp;
	key.kind = request->kind;
	key.order = request->order;
	site = bpf_map_lookup_elem(&alloc_sites, &key);
	if (site)
		return site;
	new->first_t = now;
	/* each of these entries has its own numbers: atomics that return a value need v5.12 */
	if (new->id)
		new->id += possible_cpus *(ALLOCATION_KINDS + 1);
	else
		new->id = 1 + bpf_get_smp_processor_id() * (ALLOCATION_KINDS + 1) + own;
	clear(new->cgroup, sizeof(new->cgroup));
	read_own_cgroup(new->cgroup);
	/* BPF_NOEXIST: another CPU may have been faster, and has begun to count */
	bpf_map_update_elem(&alloc_sites, &key, new, BPF_NOEXIST);
	return bpf_map_lookup_elem(&alloc_sites, &key);
}

static __always_inline void watch_end(struct allocation_site *site, const struct request *request,
				      __u64 now)
{
	struct allocation_live_key key = { .address = request->address, .kind = request->kind };
	struct allocation_live live = {
		.t = now,
		.bytes = request->bytes,
		.site = site->id,
		.compound = !!(request->gfp & compound),
	};

	if (bpf_map_update_elem(&alloc_live, &key, &live, BPF_ANY))
		count_loss(LOSS_LIVE);
}

static __always_inline void forget_live(__u32 kind, __u64 address)
{
	struct allocation_live_key key = { .address = address, .kind = kind };

	bpf_map_delete_elem(&alloc_live, &key);
}

static __always_inline int count_allocation(void *ctx, const struct request *request,
					    const struct allocation_wait *wait)
{
	struct allocation_site *site;
	__u64 now = NOW();

	if (bpf_get_current_pid_tgid() >> 32 == own_pid)
		return 0;
	site = find_site(ctx, request, now);
	if (!site) {
		count_loss(LOSS_CALLS);
		if (request->failed)
			count_loss(LOSS_FAILURES);
		if (wait)
			count_loss(LOSS_WAITS);
		return 0;
	}
	site->last_t = now;
	read_current(&site->task);
	__sync_fetch_and_add(&site->calls, 1);
	if (wait)
		add_wait(site, wait, now);
	if (request->failed) {
		__sync_fetch_and_add(&site->failed, 1);
		site->failed_t = now;
		return 0;
	}
	__sync_fetch_and_add(&site->bytes, request->bytes);
	if (request->address)
		watch_end(site, request, now);
	return 0;
}

#endif

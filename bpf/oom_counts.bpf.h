/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that a livelock makes by the thousand, counted for each domain (a memory cgroup, or the
 * machine) and each caller. Python reads the maps once a second: nothing is lost, nothing floods.
 */
#ifndef KTRACE_OOM_COUNTS_H
#define KTRACE_OOM_COUNTS_H

#include "ktrace.bpf.h"

#define SENT_IN_WINDOW 10 /* events of a domain in a second; all calls are counted */

const enum oom_call *unused_oom_call __attribute__((unused));
const enum oom_result *unused_oom_result __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct oom_domain_key);
	__type(value, struct oom_domain_counts);
} oom_domains SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 512);
	__type(key, struct oom_caller_key);
	__type(value, struct oom_caller_counts);
} oom_callers SEC(".maps");

/* The call of out_of_memory() that a thread is in, or was in last */
struct oom_inside {
	__u64 oc; /* struct oom_control */
	__u64 t;
};

/* by tid */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __s32);
	__type(value, struct oom_inside);
} oom_inside SEC(".maps");

/* new entries are made here: they are too large for the BPF stack */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct oom_domain_counts);
} new_domain SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct oom_caller_counts);
} new_caller SEC(".maps");

/* The kernfs id of its folder, never used again for another; 0: the machine */
static __always_inline __u64 cgroup_id(struct mem_cgroup *memcg)
{
	return memcg ? BPF_CORE_READ(memcg, css.cgroup, kn, id) : 0;
}

static __always_inline struct oom_domain_counts *find_domain(struct oom_domain_key *key,
							     struct mem_cgroup *memcg)
{
	struct oom_domain_counts *domain = bpf_map_lookup_elem(&oom_domains, key);
	__u32 zero = 0;

	if (domain)
		return domain;
	domain = bpf_map_lookup_elem(&new_domain, &zero);
	if (!domain)
		return NULL;
	clear(domain, sizeof(*domain));
	domain->first_t = NOW();
	if (memcg) {
		domain->memcg_oom = 1;
		read_cgroup(domain->memcg, __builtin_preserve_access_index(&memcg->css));
	}
	/* BPF_NOEXIST: another CPU may have been faster, and has begun to count */
	if (bpf_map_update_elem(&oom_domains, key, domain, BPF_NOEXIST) &&
	    !bpf_map_lookup_elem(&oom_domains, key))
		count_lost(MAP_UPDATE);
	return bpf_map_lookup_elem(&oom_domains, key);
}

static __always_inline struct oom_caller_counts *find_caller(struct oom_caller_key *key)
{
	struct oom_caller_counts *caller = bpf_map_lookup_elem(&oom_callers, key);
	__u32 zero = 0;

	if (caller)
		return caller;
	caller = bpf_map_lookup_elem(&new_caller, &zero);
	if (!caller)
		return NULL;
	clear(caller, sizeof(*caller));
	caller->first_t = NOW();
	read_current(&caller->task);
	update_map(&oom_callers, key, caller);
	return bpf_map_lookup_elem(&oom_callers, key);
}

static __always_inline void count_caller(void *ctx, struct oom_caller_key *key, __u64 now)
{
	struct oom_caller_counts *caller = find_caller(key);
	long len;

	if (!caller)
		return;
	count_one(&caller->calls);
	caller->last_t = now;
	if (now - caller->stack_t < WINDOW_NS)
		return;
	caller->stack_t = now;
	len = bpf_get_stack(ctx, caller->stack, sizeof(caller->stack), 0);
	caller->stack_len = stack_entries(len);
}

/* Count a call by the current task; its domain's counts, or NULL when there is no room. */
static __always_inline struct oom_domain_counts *count_call(void *ctx, __u32 call,
							    struct mem_cgroup *memcg)
{
	struct oom_domain_key key = { .cgroup = cgroup_id(memcg), .call = call };
	struct oom_caller_key caller = { .cgroup = key.cgroup, .call = call };
	struct oom_domain_counts *domain = find_domain(&key, memcg);
	__u64 now = NOW();

	caller.tid = bpf_get_current_pid_tgid();
	count_caller(ctx, &caller, now);
	if (!domain)
		return NULL;
	count_one(&domain->calls);
	domain->last_t = now;
	return domain;
}

/* At most SENT_IN_WINDOW times a second; two CPUs that race may send one more. */
static __always_inline bool may_send(struct oom_domain_counts *domain)
{
	__u64 now = NOW();

	if (now - domain->window_t >= WINDOW_NS) {
		domain->window_t = now;
		domain->window_calls = 0;
	}
	domain->window_calls++;
	return domain->window_calls <= SENT_IN_WINDOW;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Retries of the page allocator, counted for each caller. As ../oom_counts.bpf.h, whose domain here
 * is always the machine. Calls of out_of_memory() are not counted here: each is an event. */
BPF_TABLE("hash", struct oom_domain_key, struct oom_domain_counts, oom_domains, 256);
BPF_TABLE("lru_hash", struct oom_caller_key, struct oom_caller_counts, oom_callers, 512);
/* new entries are made here: they are too large for the BPF stack */
BPF_PERCPU_ARRAY(new_domain, struct oom_domain_counts, 1);
BPF_PERCPU_ARRAY(new_caller, struct oom_caller_counts, 1);

static __always_inline struct oom_domain_counts *find_domain(struct oom_domain_key *key)
{
	struct oom_domain_counts *domain = oom_domains.lookup(key);
	u32 zero = 0;

	if (domain)
		return domain;
	domain = new_domain.lookup(&zero);
	if (!domain)
		return NULL;
	clear(domain, sizeof(*domain));
	domain->first_t = NOW();
	/* insert(): another CPU may have been faster, and has begun to count */
	if (oom_domains.insert(key, domain) && !oom_domains.lookup(key))
		count_lost(MAP_UPDATE);
	return oom_domains.lookup(key);
}

static __always_inline struct oom_caller_counts *find_caller(struct oom_caller_key *key)
{
	struct oom_caller_counts *caller = oom_callers.lookup(key);
	u32 zero = 0;

	if (caller)
		return caller;
	caller = new_caller.lookup(&zero);
	if (!caller)
		return NULL;
	clear(caller, sizeof(*caller));
	caller->first_t = NOW();
	read_current(&caller->task);
	if (oom_callers.update(key, caller))
		count_lost(MAP_UPDATE);
	return oom_callers.lookup(key);
}

static __always_inline void count_caller(void *ctx, struct oom_caller_key *key, u64 now)
{
	struct oom_caller_counts *caller = find_caller(key);
	long len;

	if (!caller)
		return;
	__sync_fetch_and_add(&caller->calls, 1);
	caller->last_t = now;
#ifdef HAVE_GET_STACK
	if (now - caller->stack_t < WINDOW_NS)
		return;
	caller->stack_t = now;
	len = bpf_get_stack(ctx, caller->stack, sizeof(caller->stack), 0);
	caller->stack_len = stack_entries(len);
#endif
}

static __always_inline int count_retry(void *ctx, u32 call, s32 order)
{
	struct oom_domain_key key = { .call = call };
	struct oom_caller_key caller = { .call = call };
	struct oom_domain_counts *domain = find_domain(&key);
	u64 now = NOW();

	caller.tid = bpf_get_current_pid_tgid();
	count_caller(ctx, &caller, now);
	if (!domain)
		return 0;
	__sync_fetch_and_add(&domain->calls, 1);
	domain->last_t = now;
	domain->order = order;
	return 0;
}

/* TP_PROTO(struct zoneref *zoneref, int order, ...) */
int on_reclaim_retry_zone(struct bpf_raw_tracepoint_args *ctx)
{
	return count_retry(ctx, CALL_RECLAIM_RETRY_ZONE, ctx->args[1]);
}

/* TP_PROTO(int order, ...) */
int on_compact_retry(struct bpf_raw_tracepoint_args *ctx)
{
	return count_retry(ctx, CALL_COMPACT_RETRY, ctx->args[0]);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Large allocations by call site: how many, how large, which failed, how long they waited, which
 * are alive. Nothing is sent for each of them; Python reads the maps once a second.
 *
 * The tracepoints of the page allocator are hot: nearly all of their calls end at the comparison
 * of the order with which each program begins.
 */
#include "block_life.bpf.h"

const volatile __u64 min_bytes = 32768; /* pages of that order */
const volatile __u32 pageblock_order = 9;
const volatile bool percpu_tells_caller = true; /* percpu:percpu_alloc_percpu */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct steal_key);
	__type(value, struct steal_counts);
} alloc_steals SEC(".maps");

static __noinline int count_pages(void *ctx, __u64 page, __u32 order, __u32 gfp)
{
	struct request request = {
		.kind = ALLOCATION_PAGES,
		.order = order,
		.gfp = gfp,
		.failed = !page,
		.bytes = 1ULL << (page_shift + (order & 31)),
		.address = order ? page : 0, /* nothing tells when a single page is another one */
	};
	struct allocation_wait wait;
	int result = count_allocation(ctx, &request, end_wait(order, gfp, &wait));

	/* else clang knows that it is 0 and leaves anything in r0, which the verifier refuses */
	asm volatile("" : "+r"(result));
	return result;
}

static __always_inline int handle_page_alloc(void *ctx, struct page *page, __u32 order, __u32 gfp)
{
	if (order < min_order)
		return 0;
	return count_pages(ctx, (__u64)page, order, gfp);
}

static __always_inline int handle_page_free(struct page *page, __u32 order)
{
	if (order >= min_order)
		forget_live(ALLOCATION_PAGES, (__u64)page);
	return 0;
}

static __always_inline __u32 order_of(__u64 bytes)
{
	__u64 pages = (bytes - 1) >> page_shift;
	__u32 order = 0;

	for (__u32 i = 0; i < 52 && pages; i++) {
		pages >>= 1;
		order++;
	}
	return order;
}

static __always_inline int handle_vmap(void *ctx, __u64 address, __u64 size, bool failed)
{
	struct request request = {
		.kind = ALLOCATION_VMALLOC,
		.failed = failed,
		.bytes = size,
		.address = address,
	};

	if (size < min_bytes)
		return 0;
	request.order = order_of(size);
	return count_allocation(ctx, &request, NULL);
}

static __always_inline int handle_percpu(void *ctx, __u64 size, __u64 address, bool failed)
{
	struct request request = {
		.kind = ALLOCATION_PERCPU,
		.failed = failed,
		.bytes = size * possible_cpus,
		.address = address,
	};

	if (!failed && request.bytes < min_bytes)
		return 0;
	request.order = order_of(request.bytes);
	return count_allocation(ctx, &request, NULL);
}

static __always_inline int handle_warn(void *ctx, __u32 gfp)
{
	struct request request = { .kind = ALLOCATION_WARNING, .gfp = gfp };

	return count_allocation(ctx, &request, NULL);
}

static __always_inline int handle_steal(__u32 fallback_order, __u32 to, __u32 from)
{
	struct steal_key key = { .taken_for = to, .taken_from = from };
	struct steal_counts none = {};
	struct steal_counts *steal;

	bpf_get_current_comm(key.comm, sizeof(key.comm));
	steal = bpf_map_lookup_elem(&alloc_steals, &key);
	if (!steal) {
		bpf_map_update_elem(&alloc_steals, &key, &none, BPF_NOEXIST);
		steal = bpf_map_lookup_elem(&alloc_steals, &key);
	}
	if (!steal) {
		count_loss(LOSS_STEALS);
		return 0;
	}
	__sync_fetch_and_add(&steal->count, 1);
	__sync_fetch_and_add(&steal->pages, 1ULL << (fallback_order & 31));
	if (fallback_order >= pageblock_order)
		__sync_fetch_and_add(&steal->whole, 1);
	steal->last_t = NOW();
	read_current(&steal->task);
	return 0;
}

/* Newer kernels tell the caller first: the number of arguments says which this one is */
static __always_inline int handle_percpu_alloc(void *ctx)
{
	const __u64 *arguments = ctx;

	if (percpu_tells_caller)
		return handle_percpu(ctx, arguments[3], arguments[7], false);
	return handle_percpu(ctx, arguments[2], arguments[6], false);
}

#define BOTH(tracepoint, call, ...)                   \
	SEC("tp_btf/" #tracepoint)                    \
	int BPF_PROG(btf_##tracepoint, ##__VA_ARGS__) \
	{                                             \
		return call;                          \
	}                                             \
	SEC("raw_tp/" #tracepoint)                    \
	int BPF_PROG(raw_##tracepoint, ##__VA_ARGS__) \
	{                                             \
		return call;                          \
	}

BOTH(mm_page_alloc, handle_page_alloc(ctx, page, order, gfp), struct page *page, __u32 order,
     __u32 gfp)
/*
 * Run once a second, which costs the machine nothing in between: a program at mm_page_free, which
 * is as hot as mm_page_alloc, doubles the cost. Where the kernel has no such loop (before v5.13)
 * it is hooked.
 */
SEC("raw_tp/mm_page_free")
int walk_mm_page_free(void *ctx)
{
	bpf_for_each_map_elem(&alloc_live, drop_freed, NULL, 0);
	return 0;
}
BOTH(mm_page_free, handle_page_free(page, order), struct page *page, __u32 order)
BOTH(mm_vmscan_direct_reclaim_begin, handle_reclaim_begin(order, gfp), __u32 order, __u32 gfp)
BOTH(mm_vmscan_direct_reclaim_end, handle_reclaim_end())
BOTH(mm_compaction_try_to_compact_pages, handle_compact(order, gfp), __u32 order, __u32 gfp)
BOTH(mm_compaction_begin, handle_compaction_begin())
BOTH(mm_compaction_end, handle_compaction_end())
BOTH(mm_page_alloc_extfrag, handle_steal(fallback_order, to, from), struct page *page,
     __u32 alloc_order, __u32 fallback_order, __u32 to, __u32 from)
BOTH(alloc_vmap_area, handle_vmap(ctx, address, size, failed), unsigned long address,
     unsigned long size, unsigned long align, unsigned long start, unsigned long end, int failed)
BOTH(free_vmap_area_noflush, (forget_live(ALLOCATION_VMALLOC, address), 0), unsigned long address)
BOTH(percpu_alloc_percpu, handle_percpu_alloc(ctx))
BOTH(percpu_alloc_percpu_fail, handle_percpu(ctx, size, 0, true), bool reserved, bool atomic,
     __u64 size)
BOTH(percpu_free_percpu, (forget_live(ALLOCATION_PERCPU, address), 0), void *base, int offset,
     __u64 address)

SEC("fentry/warn_alloc")
int BPF_PROG(fentry_warn_alloc, __u32 gfp)
{
	return handle_warn(ctx, gfp);
}

SEC("kprobe/warn_alloc")
int BPF_KPROBE(kprobe_warn_alloc, __u32 gfp)
{
	return handle_warn(ctx, gfp);
}

char LICENSE[] SEC("license") = "GPL";

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Large allocations, counted for each site: what Python reads from the maps of
 * allocations.bpf.c, by the names of the members. Times are nanoseconds of CLOCK_BOOTTIME.
 */
#ifndef KTRACE_ALLOCATIONS_H
#define KTRACE_ALLOCATIONS_H

#include "ktrace.bpf.h"

#define WAIT_BUCKETS 28 /* the last: two minutes and more */

enum allocation_kind {
	ALLOCATION_PAGES, /* of the page allocator */
	ALLOCATION_VMALLOC, /* an area of vmalloc's address space: vmalloc(), vmap(), ioremap() */
	ALLOCATION_PERCPU, /* on all CPUs together */
	ALLOCATION_WARNING, /* warn_alloc(): the kernel log has a report of a failure */
	ALLOCATION_KINDS,
};

/* Tasks of one name and cgroup that come the same way are one site: a compiler that is started a
 * thousand times does not fill the table. */
struct allocation_site_key {
	__u64 stack; /* a hash of it */
	__u64 cgroup; /* kernfs id of the cgroup v2 */
	char comm[COMM_LEN];
	__u32 gfp;
	__u16 kind; /* enum allocation_kind */
	__u16 order; /* of pages; of others, that of the pages that the size takes */
};

struct allocation_site {
	__u64 first_t;
	__u64 last_t;
	__u64 calls;
	__u64 bytes; /* of those that succeeded */
	__u64 failed;
	__u64 failed_t; /* the newest failure; 0: none */
	__u64 waited; /* calls that reclaimed or compacted memory themselves */
	__u64 wait_ns; /* since such a call began with that, until it had its memory or had failed
			*/
	__u64 longest_ns;
	__u64 longest_t; /* when that wait ended */
	__u64 reclaim_ns; /* of wait_ns, inside of direct reclaim */
	__u64 compact_ns; /* of wait_ns, inside of direct compaction */
	__u32 waits[WAIT_BUCKETS]; /* [n]: waits of at least 2^n us, and less than twice that */
	__u32 id;
	__u32 stack_len;
	struct task task; /* of the newest call */
	__u32 __pad;
	__u64 stack[STACK_LEN];
	char cgroup[CGROUP_LEN]; /* as out_of_memory.memcg */
};

/* What is allocated and not yet freed, by its address: struct page, virtual or per-CPU address */
struct allocation_live_key {
	__u64 address;
	__u64 kind;
};

struct allocation_live {
	__u64 t;
	__u64 bytes;
	__u32 site; /* its id */
	__u32 compound; /* the pages of a block know their first: __GFP_COMP */
};

/* A thread that reclaims or compacts memory for a large allocation */
struct allocation_wait {
	__u64 since;
	__u64 step_t; /* when it entered direct reclaim, or compaction of a zone; 0: in neither */
	__u64 reclaim_ns;
	__u64 compact_ns;
	__u32 order;
	__u32 gfp;
};

/* Free blocks of one migrate type that were given to another: mm_page_alloc_extfrag */
struct steal_key {
	char comm[COMM_LEN];
	__u32 taken_for; /* enum migratetype of the request */
	__u32 taken_from; /* of the block that was taken */
};

struct steal_counts {
	__u64 count;
	__u64 pages; /* of the free blocks that were taken */
	__u64 whole; /* free blocks of a pageblock's size or more among them */
	__u64 last_t;
	struct task task; /* of the newest */
};

enum allocation_loss {
	LOSS_CALLS, /* of sites that had no room in the table */
	LOSS_FAILURES, /* of those, calls that failed */
	LOSS_WAITS, /* waits that were not timed, or that belong to such a site */
	LOSS_LIVE, /* allocations whose end will not be seen */
	LOSS_STEALS,
	ALLOCATION_LOSSES,
};

#endif

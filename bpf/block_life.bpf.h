/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of the blocks in alloc_live are free again, as their struct pages tell. */
#ifndef KTRACE_BLOCK_LIFE_H
#define KTRACE_BLOCK_LIFE_H

#include "allocation_sites.bpf.h"

/* Its struct pages may not be complete when mm_page_alloc tells of it. */
#define YOUNG_NS 10000000

const volatile __u32 page_shift = 12;

static __always_inline struct page *page_at(__u64 first, __u64 index)
{
	return (void *)(first + index * bpf_core_type_size(struct page));
}

/*
 * Freed, a block's last page no longer points to its first (free_tail_page_prepare() of
 * mm/page_alloc.c), and a smaller block in its place does not make it so again. Of a larger one, or
 * another of that size, mm_page_alloc tells, and its entry is new.
 */
static __always_inline bool is_whole(__u64 first, __u64 pages)
{
	return BPF_CORE_READ(page_at(first, pages - 1), compound_head) == (first | 1);
}

/*
 * Without __GFP_COMP the first page alone is counted as used: that of the other half is neither,
 * nor has it a type, as the first page of a free block has. Not told apart: a smaller block in
 * its place while the other half waits in a CPU's list of free pages.
 */
static __always_inline bool is_counted_once(__u64 first, __u64 pages)
{
	struct page *half = page_at(first, pages / 2);

	return BPF_CORE_READ(page_at(first, 0), _refcount.counter) > 0 &&
	       BPF_CORE_READ(half, _refcount.counter) == 0 &&
	       BPF_CORE_READ(half, _mapcount.counter) == -1;
}

static long drop_freed(void *map, struct allocation_live_key *key, struct allocation_live *live,
		       void *unused)
{
	__u64 pages = live->bytes >> page_shift;

	if (key->kind != ALLOCATION_PAGES || pages < 2 || NOW() - live->t < YOUNG_NS)
		return 0;
	if (live->compound ? !is_whole(key->address, pages) : !is_counted_once(key->address, pages))
		bpf_map_delete_elem(map, key);
	return 0;
}

#endif

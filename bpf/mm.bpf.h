/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counters of an mm_struct. */
#ifndef KTRACE_MM_BPF_H
#define KTRACE_MM_BPF_H

/* A macro: CO-RE knows the size of an element in the running kernel only for a constant index. */
#define read_rss(mm, member)                                                       \
	({                                                                         \
		struct mm_struct___v62 *new = (void *)(mm);                        \
		__s64 pages;                                                       \
		if (bpf_core_field_exists(new->rss_stat[0].count) &&               \
		    bpf_core_field_size(new->rss_stat) > 4 * KERNEL_WORD)          \
			pages = BPF_CORE_READ(new, rss_stat[member].count);        \
		else                                                               \
			pages = BPF_CORE_READ(mm, rss_stat.count[member].counter); \
		pages;                                                             \
	})

/* pages */
static __always_inline __s64 resident(struct mm_struct *mm)
{
	return read_rss(mm, FILE_PAGES) + read_rss(mm, ANON_PAGES) + read_rss(mm, SHMEM_PAGES);
}

#endif

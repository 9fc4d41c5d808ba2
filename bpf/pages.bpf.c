// SPDX-License-Identifier: GPL-2.0-or-later
/* Pages in a state that cannot be: bad_page() of mm/page_alloc.c */
#include "ktrace.bpf.h"
#include "memory_map.h"

const struct bad_page *unused_bad_page __attribute__((unused));

/* bad_page() took a third argument before v5.8, 82a3241aaf83 ("mm, page_alloc: simplify
 * page_is_bad"): two are read. */
static __always_inline int handle_bad_page(void *ctx, struct page *page, const char *reason)
{
	struct bad_page *event = event_reserve(BAD_PAGE, sizeof(*event));
	long len;

	if (!event)
		return 0;
	read_current(&event->by);
	event->page = (__u64)page;
	event->pfn = page_to_pfn(page);
	event->page_phys = kernel_to_phys((__u64)page);
	bpf_probe_read_kernel(event->words, sizeof(event->words), page);
	bpf_probe_read_kernel_str(event->reason, sizeof(event->reason), reason);
	len = bpf_get_stack(ctx, event->stack, sizeof(event->stack), 0);
	event->stack_len = stack_entries(len);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("fentry/bad_page")
int BPF_PROG(fentry_bad_page, struct page *page, const char *reason)
{
	return handle_bad_page(ctx, page, reason);
}

SEC("kprobe/bad_page")
int BPF_KPROBE(kprobe_bad_page, struct page *page, const char *reason)
{
	return handle_bad_page(ctx, page, reason);
}

char LICENSE[] SEC("license") = "GPL";

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages in a state that cannot be: bad_page() of mm/page_alloc.c. As ../pages.bpf.c. */
BPF_PERCPU_ARRAY(bad_page_scratch, struct bad_page, 1);

int kprobe_bad_page(struct pt_regs *ctx)
{
	void *page = (void *)PT_REGS_PARM1(ctx);
	u32 zero = 0;
	struct bad_page *event = bad_page_scratch.lookup(&zero);
	long len;

	if (!event)
		return 0;
	clear(event, sizeof(*event));
	event_init(&event->event, BAD_PAGE, sizeof(*event));
	read_current(&event->by);
	event->page = (u64)page;
	event->pfn = -1; /* needs symbols that only libbpf resolves */
	bpf_probe_read_kernel(event->words, sizeof(event->words), page);
	bpf_probe_read_kernel_str(event->reason, sizeof(event->reason), (void *)PT_REGS_PARM2(ctx));
#ifdef HAVE_GET_STACK
	len = bpf_get_stack(ctx, event->stack, sizeof(event->stack), 0);
	event->stack_len = stack_entries(len);
#endif
	submit(ctx, event, sizeof(*event), BAD_PAGE);
	return 0;
}

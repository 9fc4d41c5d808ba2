// SPDX-License-Identifier: GPL-2.0-or-later
/* Events on their way out: some are kept together, so that kallsyms is read once for all. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "agent.h"

#define PC (SAVED_REGISTERS - 1) /* of struct task_state */
#define KEPT (128U << 10)

static unsigned char kept[KEPT];
static size_t kept_bytes;
static struct ring_buffer *ring;
static bool killed;

static size_t size_of(size_t at)
{
	return (((struct event *)(kept + at))->size + 7) & ~7U;
}

static int receive(void *context, void *data, size_t size)
{
	take_event(data, size);
	return 0;
}

void open_events(void)
{
	ring = ring_buffer__new(map_fd("events"), receive, NULL, NULL);
	if (!ring)
		die("cannot open the ring buffer: %s", strerror(errno));
}

void wait_for_events(int timeout_ms)
{
	if (ring_buffer__poll(ring, timeout_ms) < 0)
		ring_buffer__consume(ring);
	flush_events();
}

/* What has come is kept. */
void consume_events(void)
{
	ring_buffer__consume(ring);
}

void forget_events(void)
{
	kept_bytes = 0;
}

const struct task_state *find_task(int tid)
{
	for (size_t at = 0; at < kept_bytes; at += size_of(at)) {
		const struct task_state *state = (void *)(kept + at);

		if (state->event.kind == TASK_STATE && state->task.tid == tid)
			return state;
	}
	return NULL;
}

bool killed_lately(void)
{
	bool since = killed;

	killed = false;
	return since;
}

void take_event(const void *data, size_t size)
{
	const struct event *event = data;

	if (size < sizeof(*event) || event->size != size || size > FRAME_PAYLOAD) {
		frame(FRAME_EVENT, data, 0); /* the reader counts what is none */
		return;
	}
	if (kept_bytes + size > KEPT)
		flush_events();
	killed = killed || event->kind == OOM_KILL || event->kind == OOM_VICTIM;
	memcpy(kept + kept_bytes, data, size);
	kept_bytes += (size + 7) & ~7U;
}

/* Memory of the kernel, in words of its size */
static void want_names_of_words(const void *memory, size_t bytes)
{
	const __u32 *words = memory;

	if (word_digits() == 16)
		want_names(memory, bytes / sizeof(__u64));
	for (size_t i = 0; word_digits() == 8 && i < bytes / sizeof(words[0]); i++) {
		__u64 address = words[i];

		want_names(&address, 1);
	}
}

static void want_names_of(const struct event *event)
{
	const struct task_state *state = (const void *)event;
	const struct bad_page *page = (const void *)event;

	if (event->kind == BAD_PAGE)
		want_names(page->stack, page->stack_len % (STACK_LEN + 1));
	if (event->kind != TASK_STATE)
		return;
	want_names(state->stack, state->stack_len % (STACK_LEN + 1));
	if (state->state)
		want_names_of_words(state->top, sizeof(state->top));
	if (state->registers[PC]) {
		want_names_of_words(state->registers, sizeof(state->registers));
		want_names_of_words(state->stack, sizeof(state->stack));
	}
}

/*
 * A raw tracepoint's program cannot read another task's stack: the kernel shows it by name. On ARM
 * with SMP it shows nothing there (__save_stack_trace() of arch/arm/kernel/stacktrace.c), but in
 * which function the task sleeps.
 */
static void send_stack_of(const struct event *event)
{
	const struct task_state *state = (const void *)event;
	char path[80], text[4096];
	ssize_t length;

	if (event->kind != TASK_STATE || state->stack_len || state->exit_state)
		return;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stack", state->task.pid, state->task.tid);
	length = read_text(path, text, sizeof(text));
	if (length <= 0) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/wchan", state->task.pid,
			 state->task.tid);
		length = read_text(path, text, sizeof(text));
	}
	if (length > 0 && strcmp(text, "0"))
		frame(FRAME_STACK, text, length);
}

void flush_events(void)
{
	bool stacks = false;
	size_t at;

	for (at = 0; at < kept_bytes; at += size_of(at)) {
		__u32 kind = ((struct event *)(kept + at))->kind;

		stacks = stacks || kind == TASK_STATE || kind == BAD_PAGE;
	}
	if (stacks)
		check_modules();
	for (at = 0; at < kept_bytes; at += size_of(at))
		want_names_of((void *)(kept + at));
	send_names();
	for (at = 0; at < kept_bytes; at += size_of(at)) {
		const struct event *event = (void *)(kept + at);

		send_stack_of(event);
		frame(FRAME_EVENT, event, event->size);
	}
	kept_bytes = 0;
	flush_output();
}

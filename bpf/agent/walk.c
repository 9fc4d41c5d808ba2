// SPDX-License-Identifier: GPL-2.0-or-later
/* The walk over all tasks: by the kernel's iterator, or where it has none by bpf/walk.bpf.h. */
#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../walk_place.h"
#include "agent.h"

static bool iterate(int link)
{
	static unsigned char part[16384];
	int iterator = bpf_iter_create(link);
	size_t held = 0;
	ssize_t length;

	if (iterator < 0)
		return false;
	while ((length = read(iterator, part + held, sizeof(part) - held)) > 0) {
		size_t at = 0;

		held += length;
		for (; at + sizeof(struct task_state) <= held; at += sizeof(struct task_state))
			take_event(part + at, sizeof(struct task_state));
		held -= at;
		memmove(part, part + at, held);
	}
	close(iterator);
	return length == 0 && held == 0;
}

static bool run_walk(int program)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);
	struct walk_place place = { 0 };
	int rounds = map_fd("walk_rounds"), places = map_fd("walk_places");
	__u32 zero = 0, itself = program;

	if (bpf_map_update_elem(rounds, &zero, &itself, 0) ||
	    bpf_map_update_elem(places, &zero, &place, 0) ||
	    bpf_prog_test_run_opts(program, &options) || bpf_map_lookup_elem(places, &zero, &place))
		return false;
	consume_events();
	return place.done;
}

void walk_tasks(void)
{
	__u64 walk[3] = { now_ns() };
	bool by_iterator, complete = false;
	int program = walk_program(&by_iterator);

	if (program >= 0)
		complete = by_iterator ? iterate(program) : run_walk(program);
	wait_for_events(0); /* whatever happened before the walk ended comes before it */
	walk[1] = now_ns();
	walk[2] = complete;
	frame(FRAME_WALK, walk, sizeof(walk));
}

/* Of /proc/self/stat: the 22nd field, in clock ticks */
static unsigned long long own_birth(void)
{
	char text[1024], *field;
	unsigned long long birth = 0;

	read_text("/proc/self/stat", text, sizeof(text));
	field = strrchr(text, ')');
	for (int i = 2; field && i < 22; i++)
		field = strchr(field + 1, ' ');
	if (field)
		sscanf(field, " %llu", &birth);
	return birth;
}

static bool agrees(const struct task_state *own)
{
	return own->task.pid == getpid() && own->ppid == getppid() &&
	       own->start_t / (1000000000ULL / sysconf(_SC_CLK_TCK)) == own_birth();
}

/*
 * What the walk reads about this very process must be what /proc says: else the types that are not
 * the kernel's own are those of another kernel, and nothing that is read with them is true.
 */
void check_types(void)
{
	bool by_iterator;
	int program = walk_program(&by_iterator);
	int marks = map_fd("chain_tasks"), only = map_fd("walk_only");
	__s32 own = getpid();
	__u32 zero = 0;
	__u8 mark = 255, everybody = 0;
	const struct task_state *seen;

	if (!types_path() || program < 0)
		return;
	bpf_map_update_elem(marks, &own, &mark, 0);
	bpf_map_update_elem(only, &zero, &mark, 0);
	forget_events();
	run_walk(program);
	seen = find_task(own);
	if (!seen || !agrees(seen))
		die("the types are not those of the running kernel: what is read with them is "
		    "wrong");
	bpf_map_delete_elem(marks, &own);
	bpf_map_update_elem(only, &zero, &everybody, 0);
	forget_events();
}

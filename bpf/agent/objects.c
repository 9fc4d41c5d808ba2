// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The BPF objects: each function by the first of its hooks that holds, in the order in which they
 * stand in the object. As ktrace/probes/bpf_object.py, and with the same words for the reader.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "agent.h"
#include "objects.h"

#define MOST_MAPS 48
#define KPROBES "/sys/bus/event_source/devices/kprobe/type"

static struct {
	char name[32];
	int fd;
} maps[MOST_MAPS];
static int maps_known;

static bool is_internal(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (!strcmp(dot, ".rodata") || !strcmp(dot, ".bss") || !strcmp(dot, ".data"));
}

int map_fd(const char *name)
{
	for (int i = 0; i < maps_known; i++) {
		if (!strcmp(maps[i].name, name))
			return maps[i].fd;
	}
	return -1;
}

static bool open_object(struct object *object)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = types_path());
	struct bpf_map *map;

	object->handle = bpf_object__open_mem(object->begin, object->size, &options);
	if (!object->handle)
		return false;
	bpf_object__for_each_map(map, object->handle)
	{
		const char *name = bpf_map__name(map);
		int known = map_fd(name);

		if (strstr(name, ".rodata"))
			set_knobs(object->handle, map);
		else if (!is_internal(name) && known >= 0)
			bpf_map__reuse_fd(map, known);
		else if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF)
			bpf_map__set_max_entries(map, RING_BYTES);
	}
	return true;
}

void close_object(struct object *object)
{
	for (int i = 0; i < object->count; i++) {
		bpf_link__destroy(object->rungs[i].link);
		object->rungs[i].link = NULL;
	}
	bpf_object__close(object->handle);
	object->handle = NULL;
}

static void note_rungs(struct object *object)
{
	struct bpf_program *program;

	object->count = 0;
	bpf_object__for_each_program(program, object->handle)
	{
		struct rung *rung = &object->rungs[object->count++];
		const char *section = bpf_program__section_name(program);
		const char *slash = strchr(section, '/');
		int length = slash ? slash - section : (int)strlen(section);

		if (object->count == MOST_RUNGS)
			die("BPF object %s has too many programs", object->name);
		memset(rung, 0, sizeof(*rung));
		snprintf(rung->program, sizeof(rung->program), "%s", bpf_program__name(program));
		snprintf(rung->hook, sizeof(rung->hook), "%.*s", length, section);
		snprintf(rung->target, sizeof(rung->target), "%s", slash ? slash + 1 : "");
		rung->is_walk = !strcmp(section, "raw_tp/task");
		if (rung->is_walk)
			strcpy(rung->hook, "walk");
		rung->on_return = !strcmp(rung->hook, "fexit") || !strcmp(rung->hook, "kretprobe");
		rung->present = is_present(rung);
		if (types_path() && hook_needs_own_btf(rung->hook))
			refuse(rung, "needs the kernel's own BTF");
		else if (strstr(rung->hook, "probe") && access(KPROBES, F_OK))
			refuse(rung, "this kernel has no kprobes");
#ifdef __arm__
		else if (!strcmp(rung->hook, "kretprobe")) /* see ktrace/probes/ladder.py */
			refuse(rung, "on 32-bit ARM it would cut the kernel's own stack traces");
#endif
	}
}

void refuse(struct rung *rung, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(rung->why, sizeof(rung->why), format, arguments);
	va_end(arguments);
}

static bool is_best(const struct object *object, const struct rung *rung)
{
	if (rung->why[0] || !rung->present)
		return false;
	for (const struct rung *better = object->rungs; better < rung; better++) {
		if (same_function(better, rung) && !better->why[0])
			return false;
	}
	return true;
}

static struct bpf_program *program_of(struct object *object, const struct rung *rung)
{
	return bpf_object__find_program_by_name(object->handle, rung->program);
}

/* Which program made the load fail: libbpf says so. All of them when it does not. */
static void blame(struct object *object, int error)
{
	bool named = false;

	for (int i = 0; i < object->count && !named; i++) {
		struct rung *rung = &object->rungs[i];

		if (is_best(object, rung) && said_of(rung->program)) {
			refuse(rung, "cannot load: %s", strerror(error));
			named = true;
		}
	}
	for (int i = 0; i < object->count && !named; i++) {
		if (!object->rungs[i].why[0])
			refuse(&object->rungs[i], "cannot load: %s", strerror(error));
	}
}

static void keep_maps(struct object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object->handle)
	{
		const char *name = bpf_map__name(map);

		if (is_internal(name) || map_fd(name) >= 0)
			continue;
		if (maps_known == MOST_MAPS)
			die("too many maps");
		snprintf(maps[maps_known].name, sizeof(maps[0].name), "%s", name);
		maps[maps_known++].fd = dup(bpf_map__fd(map)); /* outlives this attempt */
	}
}

/* false: a rung turned out not to hold; it is noted, try again without it. */
static bool try_attach(struct object *object)
{
	bool chosen[MOST_RUNGS], any = false, holds = true;

	for (int i = 0; i < object->count; i++) {
		chosen[i] = is_best(object, &object->rungs[i]);
		any = any || chosen[i];
		bpf_program__set_autoload(program_of(object, &object->rungs[i]), chosen[i]);
	}
	if (!any)
		return true;
	forget_messages();
	if (bpf_object__load(object->handle)) {
		blame(object, errno);
		return false;
	}
	keep_maps(object);
	for (int i = 0; i < object->count; i++) {
		struct rung *rung = &object->rungs[i];

		if (!chosen[i] || rung->is_walk)
			continue;
		rung->link = bpf_program__attach(program_of(object, rung));
		if (rung->link)
			continue;
		refuse(rung, "cannot attach: %s", strerror(errno));
		/* open again only for another rung: the others are fine as they are */
		for (int j = i + 1; j < object->count; j++)
			holds = holds && !(same_function(rung, &object->rungs[j]) &&
					   !object->rungs[j].why[0]);
	}
	return holds;
}

/* A module may come when there is no memory for its object: then its functions have no probe. */
void attach_object(struct object *object)
{
	bool opened = open_object(object);

	if (opened)
		note_rungs(object);
	while (opened && !try_attach(object)) {
		close_object(object);
		opened = open_object(object);
	}
	for (int i = 0; i < object->count && !opened; i++)
		refuse(&object->rungs[i], "cannot open its BPF object: %s", strerror(errno));
}

int rung_fd(struct object *object, const struct rung *rung)
{
	if (rung->link)
		return bpf_link__fd(rung->link);
	return rung->is_walk && !rung->why[0] && object->handle
		       ? bpf_program__fd(program_of(object, rung))
		       : -1;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* All objects, and what is told of each function: hooked, waiting for its module, or why not. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include "agent.h"
#include "objects.h"

#define MOST_OBJECTS 8

static struct object objects[MOST_OBJECTS];
static unsigned long instances[MOST_OBJECTS]; /* of the module that an object is about */
static int object_count;
static __u64 stuck_after;
static __u64 attaching_t, attached_t;
static char messages[4096]; /* of libbpf */

static int listen_to_libbpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
	size_t length = strlen(messages);

	if (level == LIBBPF_WARN)
		vsnprintf(messages + length, sizeof(messages) - length, format, arguments);
	return 0;
}

void forget_messages(void)
{
	messages[0] = '\0';
}

bool said_of(const char *program)
{
	char quoted[96];

	snprintf(quoted, sizeof(quoted), "prog '%s'", program);
	return strstr(messages, quoted) != NULL;
}

bool is_present(const struct rung *rung)
{
	const char *module = module_of(rung->target);

	return !module || module_instance(module) ||
	       btf__find_by_name_kind(kernel_types(), rung->target, BTF_KIND_FUNC) > 0;
}

bool same_function(const struct rung *one, const struct rung *other)
{
	return one->on_return == other->on_return && !strcmp(one->target, other->target);
}

/* Of a tracepoint, from its btf_trace_ typedef; NULL: the kernel has no such */
static const struct btf_type *prototype(const char *tracepoint)
{
	const struct btf *types = kernel_types();
	const struct btf_type *type;
	char name[64];
	int id;

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	id = btf__find_by_name_kind(types, name, BTF_KIND_TYPEDEF);
	if (id <= 0)
		return NULL;
	type = btf__type_by_id(types, btf__type_by_id(types, id)->type);
	return btf__type_by_id(types, type->type);
}

static __u64 knob(const char *name, __u64 fallback)
{
	const struct btf_type *type;

	if (!strcmp(name, "stuck_after_ns"))
		return stuck_after;
	if (!strcmp(name, "sched_switch_has_prev_state")) {
		type = prototype("sched_switch");
		return type && btf_vlen(type) > 4; /* with the probe's own data */
	}
	if (!strcmp(name, "mark_victim_takes_task")) {
		type = prototype("mark_victim");
		return type && btf_vlen(type) > 1 &&
		       btf_is_ptr(btf__type_by_id(kernel_types(), btf_params(type)[1].type));
	}
	return fallback;
}

/* Into the object's .rodata, before it is loaded */
void set_knobs(struct bpf_object *handle, struct bpf_map *rodata)
{
	const struct btf *types = bpf_object__btf(handle);
	int id = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *section = id > 0 ? btf__type_by_id(types, id) : NULL;
	size_t size;
	unsigned char *values = (void *)bpf_map__initial_value(rodata, &size);

	for (int i = 0; section && values && i < btf_vlen(section); i++) {
		const struct btf_var_secinfo *at = btf_var_secinfos(section) + i;
		const struct btf_type *variable = btf__type_by_id(types, at->type);
		__u64 value = 0;

		if (at->size > sizeof(value) || at->offset + at->size > size)
			continue;
		memcpy(&value, values + at->offset, at->size);
		value = knob(btf__name_by_offset(types, variable->name_off), value);
		memcpy(values + at->offset, &value,
		       at->size); /* little endian, as all our kernels */
	}
}

static void tell(struct object *object, const struct rung *first)
{
	const struct rung *taken = NULL;
	char why[640] = "", function[64];

	snprintf(function, sizeof(function), "%s%s", first->target,
		 first->on_return ? ":return" : "");
	for (int i = 0; i < object->count; i++) {
		const struct rung *rung = &object->rungs[i];
		size_t length = strlen(why);

		if (!same_function(first, rung))
			continue;
		if (!taken && rung_fd(object, rung) >= 0)
			taken = rung;
		else if (rung->why[0])
			snprintf(why + length, sizeof(why) - length, "%s%s: %s", length ? "; " : "",
				 rung->hook, rung->why);
	}
	if (!first->present)
		frame_text(FRAME_PROBE, "%s\n\nwaiting\nits module is not loaded", function);
	else
		frame_text(FRAME_PROBE, "%s\n%s\n%s\n%s", function, taken ? taken->hook : "",
			   taken ? "attached" : "missing", why);
}

static void tell_all(struct object *object)
{
	for (int i = 0; i < object->count; i++) {
		bool told = false;

		for (int j = 0; j < i; j++)
			told = told || same_function(&object->rungs[i], &object->rungs[j]);
		if (!told)
			tell(object, &object->rungs[i]);
	}
}

void attach_objects(__u64 stuck_after_ns)
{
	stuck_after = stuck_after_ns;
	attaching_t = now_ns();
	libbpf_set_print(listen_to_libbpf);
	for (const struct embedded *file = embedded_objects; file->name; file++) {
		struct object *object = &objects[object_count];

		/* the one is made anew for kernels without BTF of their own */
		if (!strcmp(file->name, types_path() ? "tasks" : "tasks_raw"))
			continue;
		if (object_count == MOST_OBJECTS)
			die("too many BPF objects");
		object->name = file->name;
		object->begin = file->begin;
		object->size = file->end - file->begin;
		instances[object_count++] = module_instance(file->name);
		attach_object(object);
	}
	if (map_fd("events") < 0)
		die("no BPF program could be loaded: %.200s", messages);
	attached_t = now_ns();
	close_types();
}

void send_ready(void)
{
	__u64 times[] = { attaching_t, attached_t };

	frame(FRAME_READY, times, sizeof(times));
}

void tell_probes(void)
{
	for (int i = 0; i < object_count; i++)
		tell_all(&objects[i]);
}

/* An object that is about a module has its name. */
void follow_modules(void)
{
	for (int i = 0; i < object_count; i++) {
		unsigned long now = module_instance(objects[i].name);

		if (now == instances[i])
			continue;
		instances[i] = now;
		close_object(&objects[i]);
		attach_object(&objects[i]);
		tell_all(&objects[i]);
		close_types();
	}
}

int walk_program(bool *by_iterator)
{
	for (int i = 0; i < object_count; i++) {
		for (int j = 0; j < objects[i].count; j++) {
			const struct rung *rung = &objects[i].rungs[j];

			*by_iterator = !strcmp(rung->hook, "iter");
			if ((*by_iterator || rung->is_walk) && rung_fd(&objects[i], rung) >= 0)
				return rung_fd(&objects[i], rung);
		}
	}
	return -1;
}

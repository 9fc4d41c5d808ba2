/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One BPF object and its programs. */
#ifndef KTRACE_AGENT_OBJECTS_H
#define KTRACE_AGENT_OBJECTS_H

#include <stdarg.h>
#include "agent.h"

#define MOST_RUNGS 40
/* less than in ktrace itself: the ring counts twice in RSS, and boards are small */
#define RING_BYTES (512U << 10)

struct bpf_link;
struct bpf_map;
struct bpf_object;

/* One program: a way to hook a function */
struct rung {
	char program[64];
	char hook[16];
	char target[48]; /* what the kernel calls the function */
	bool on_return; /* of the function: may fail on its own */
	bool present; /* in the kernel's image, or its module is loaded */
	bool is_walk; /* attached to nothing: BPF_PROG_TEST_RUN runs it */
	struct bpf_link *link;
	char why[96]; /* it is not used; "": nothing is known against it */
};

struct object {
	const char *name;
	const unsigned char *begin;
	size_t size;
	struct bpf_object *handle;
	struct rung rungs[MOST_RUNGS];
	int count;
};

/* objects.c */
void attach_object(struct object *object);
void close_object(struct object *object);
int rung_fd(struct object *object, const struct rung *rung);
void refuse(struct rung *rung, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* attach.c */
void set_knobs(struct bpf_object *handle, struct bpf_map *rodata);
bool is_present(const struct rung *rung);
bool same_function(const struct rung *one, const struct rung *other);
bool said_of(const char *program); /* libbpf, since forget_messages() */
void forget_messages(void);

#endif

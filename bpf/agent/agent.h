/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ktrace-agent: what its files need of each other. */
#ifndef KTRACE_AGENT_H
#define KTRACE_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <linux/types.h>
#include "../events.h"
#include "frames.h"

struct btf;

/* embedded.c, which `ktrace agent build` writes */
struct embedded {
	const char *name;
	const unsigned char *begin, *end;
};
extern const struct embedded embedded_objects[]; /* ends with a NULL name */
extern const struct embedded embedded_btf; /* begin == end: none */
struct hooked_module {
	const char *function, *module;
};
extern const struct hooked_module hooked_modules[]; /* ends with a NULL function */
extern const char wire_id[]; /* of the structs of events.h that the objects have */
extern const char agent_version[];

/* output.c: frames to where they are wanted. What cannot be written ends the agent. */
enum output_kind {
	TO_FILE, /* or a pipe */
	TO_SERIAL,
	TO_PMSG,
	TO_NETWORK,
};
enum output_kind open_output(const char *path, const char *listen_at);
void frame(enum frame_type type, const void *payload, size_t length);
void frame_of(enum frame_type type, const void *first, size_t first_length, const void *rest,
	      size_t length);
void frame_text(enum frame_type type, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void flush_output(void);
void sync_output(void); /* to the disk, where it is a file */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* head.c: what the decoder needs to know of the board */
void send_head(bool with_btf, bool own_btf);
void warn_reader(const char *format, ...) __attribute__((format(printf, 1, 2)));
void send_file(const char *path, const char *name);
void send_memory_look(void);
ssize_t read_text(const char *path, char *text, size_t size);
__u64 now_ns(void);

/* kernel_types.c: the kernel's BTF, its own or from a file */
bool open_types(const char *path); /* true: the kernel's own */
const char *types_path(void); /* NULL: the kernel's own */
struct btf *kernel_types(void);
void close_types(void);

/* attach.c: the BPF objects, each function by the first hook that holds */
void attach_objects(__u64 stuck_after_ns);
void tell_probes(void);
void send_ready(void);
void follow_modules(void);
int map_fd(const char *name); /* -1: no such map */
int walk_program(bool *by_iterator); /* the link of the iterator, or a program; -1: none */

/* modules.c: facts about hooks and modules */
bool hook_needs_own_btf(const char *hook);
const char *module_of(const char *function); /* NULL: the kernel image */
unsigned long module_instance(const char *module); /* 0: not loaded */

/* events.c: events, after the names that they need */
void open_events(void);
void wait_for_events(int timeout_ms);
void take_event(const void *event, size_t size);
void consume_events(void);
void flush_events(void);
void forget_events(void);
const struct task_state *find_task(int tid); /* among those not flushed */
bool killed_lately(void); /* since the last call */

/* symbols.c: names of addresses, each sent once */
size_t read_symbols(void); /* how many functions the kernel shows */
bool kernel_has_frozen(void);
unsigned int word_digits(void); /* hexadecimal, of an address */
void want_names(const __u64 *addresses, size_t count);
void send_names(void);
void check_modules(void);

/* walk.c */
void check_types(void); /* dies when they are of another kernel */
void walk_tasks(void);

/* counts.c: what was lost, and the OOM killer's floods */
void send_counts(void);

#endif

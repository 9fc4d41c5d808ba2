/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every BPF object shares: maps (one instance, by name), emit, loss counters, task reads. */
#ifndef KTRACE_BPF_H
#define KTRACE_BPF_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "word_size.h"
#include "events.h"

#define NOW() bpf_ktime_get_boot_ns()
#include "shared.h"

#define RING_SIZE (1 << 20)

/* unused pointers keep a type in the object's BTF, where Python reads it */
const enum event_kind *unused_event_kind __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_SIZE);
} events SEC(".maps");

/* by enum event_kind: events that did not get into the ring */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EVENT_KINDS);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

/* tid -> its newest squashfs_cache_get(). LRU: a sleeper's entry leaves only after 4096 other
 * threads have called. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __s32);
	__type(value, struct squashfs_thread);
} squashfs_calls SEC(".maps");

/*
 * 32-bit ARM's JIT compiler knows no atomic add and refuses the program (build_insn() of
 * arch/arm/net/bpf_jit_32.c). There two CPUs that count at once may count one for both: the count
 * is too low, but not 0.
 */
static __always_inline void add(__u64 *count, __u64 more)
{
#if defined(__TARGET_ARCH_arm)
	*(volatile __u64 *)count += more;
#else
	__sync_fetch_and_add(count, more);
#endif
}

static __always_inline void count_one(__u64 *count)
{
	add(count, 1);
}

static __always_inline void count_lost(__u32 kind)
{
	__u64 *count = bpf_map_lookup_elem(&lost, &kind);

	if (count)
		count_one(count);
}

/* Counted when it fails: then an answer of this map may be missing. */
static __always_inline void update_map(void *map, const void *key, const void *value)
{
	if (bpf_map_update_elem(map, key, value, BPF_ANY))
		count_lost(MAP_UPDATE);
}

/* A zeroed event in the ring, or NULL: then it has been counted as lost. size: a constant. */
static __always_inline void *event_reserve(__u32 kind, __u32 size)
{
	struct event *event = bpf_ringbuf_reserve(&events, size, 0);

	if (!event) {
		count_lost(kind);
		return NULL;
	}
	clear(event, size);
	event_init(event, kind, size);
	return event;
}

static __always_inline void read_task(struct task *to, struct task_struct *task)
{
	to->pid = BPF_CORE_READ(task, tgid);
	to->tid = BPF_CORE_READ(task, pid);
	BPF_CORE_READ_STR_INTO(&to->comm, task, comm);
}

/* How often the current task has gone to sleep by itself */
static __always_inline __u64 voluntary_switches(void)
{
	return BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), nvcsw);
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	struct kernfs_node___v615 *new = (void *)kn;

	if (bpf_core_field_exists(new->__parent))
		return BPF_CORE_READ(new, __parent);
	return BPF_CORE_READ(kn, parent);
}

/* The path of a cgroup's folder, leaf first, NUL after each component; the root's name is empty. */
static __always_inline void read_cgroup_path(char path[CGROUP_LEN], struct kernfs_node *kn)
{
	__u32 end = 0;

	for (int i = 0; i < CGROUP_DEPTH && kn; i++) {
		if (end > CGROUP_LEN - CGROUP_COMPONENT_LEN)
			break;
		long len = bpf_probe_read_kernel_str(path + end, CGROUP_COMPONENT_LEN,
						     BPF_CORE_READ(kn, name));

		if (len < 0 || len > CGROUP_COMPONENT_LEN)
			break;
		end += len;
		kn = kernfs_parent(kn);
	}
}

static __always_inline void read_cgroup(char path[CGROUP_LEN], struct cgroup_subsys_state *css)
{
	read_cgroup_path(path, BPF_CORE_READ(css, cgroup, kn));
}

/* The task's memory cgroup; NULL: this kernel has none */
static __always_inline struct cgroup_subsys_state *memory_css(struct task_struct *task)
{
	struct cgroup_subsys_state *css = NULL;

	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) {
		int id = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
		struct css_set *set = BPF_CORE_READ(task, cgroups);
		const void *subsys = __builtin_preserve_access_index(&set->subsys);

		css = (void *)read_word(subsys + id * KERNEL_WORD);
	}
	return css;
}

#endif

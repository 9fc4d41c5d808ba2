/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counts of each cache of squashfs, and of what goes past them: found, made, added to. */
#ifndef KTRACE_SQUASHFS_COUNTS_H
#define KTRACE_SQUASHFS_COUNTS_H

#include "ktrace.bpf.h"

#define MOST_CACHES 128

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, MOST_CACHES);
	__type(key, struct squashfs_use_key);
	__type(value, struct squashfs_use);
} squashfs_use SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MOST_CACHES);
	__type(key, struct squashfs_use_key);
	__type(value, struct squashfs_use_facts);
} squashfs_use_facts SEC(".maps");

/* never written: new values are copies of it, which is too large for the BPF stack */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct squashfs_use);
} no_use SEC(".maps");

const struct squashfs_longest *unused_longest __attribute__((unused));

static __always_inline bool is_metadata(struct squashfs_thread *thread)
{
	return thread->call.name[0] == 'm';
}

static __always_inline struct squashfs_use *new_use(struct squashfs_use_key *key,
						    struct squashfs_use_facts *facts)
{
	__u32 zero = 0;
	void *none = bpf_map_lookup_elem(&no_use, &zero);

	if (!none)
		return NULL;
	update_map(&squashfs_use_facts, key, facts);
	/* BPF_NOEXIST: another CPU may have been faster, and has begun to count */
	if (bpf_map_update_elem(&squashfs_use, key, none, BPF_NOEXIST) &&
	    !bpf_map_lookup_elem(&squashfs_use, key))
		count_lost(MAP_UPDATE);
	return bpf_map_lookup_elem(&squashfs_use, key);
}

static __always_inline struct squashfs_use *use_of_call(struct squashfs_thread *thread)
{
	struct squashfs_use_key key = { .cache = thread->call.cache, .dev = thread->dev };
	struct squashfs_use *use = bpf_map_lookup_elem(&squashfs_use, &key);
	struct squashfs_cache *cache = (void *)thread->call.cache;
	struct squashfs_use_facts facts = {};

	if (use)
		return use;
	__builtin_memcpy(facts.name, thread->call.name, sizeof(facts.name));
	__builtin_memcpy(facts.device, thread->call.device, sizeof(facts.device));
	if (bpf_core_field_exists(cache->block_size)) {
		facts.entries = BPF_CORE_READ(cache, entries);
		facts.block_size = BPF_CORE_READ(cache, block_size);
	}
	return new_use(&key, &facts);
}

/* Of blocks that go past the caches, and of reads of files */
static __always_inline struct squashfs_use *use_of_super_block(struct super_block *sb)
{
	struct squashfs_use_key key = { .dev = BPF_CORE_READ(sb, s_dev) };
	struct squashfs_use *use = bpf_map_lookup_elem(&squashfs_use, &key);
	struct squashfs_use_facts facts = {};

	if (use)
		return use;
	bpf_probe_read_kernel_str(facts.device, sizeof(facts.device),
				  __builtin_preserve_access_index(&sb->s_id));
	return new_use(&key, &facts);
}

static __always_inline void count_slot(__u32 slots[USE_SLOTS], __u64 ns)
{
	__u64 us = ns / 1000, slot = 0;

	/* its logarithm, without a loop, which would cost the verifier much */
	if (us >> 16) {
		us >>= 16;
		slot += 16;
	}
	if (us >> 8) {
		us >>= 8;
		slot += 8;
	}
	if (us >> 4) {
		us >>= 4;
		slot += 4;
	}
	if (us >> 2) {
		us >>= 2;
		slot += 2;
	}
	slot += us > 1;
	if (slot > USE_SLOTS - 1)
		slot = USE_SLOTS - 1;
	/* the compiler knows that slot is small enough, the verifier does not */
	asm volatile("" : "+r"(slot));
	slots[slot & (USE_SLOTS - 1)]++;
}

static __always_inline void note_longest(struct squashfs_longest *longest, __u64 ns, __u64 t)
{
	if (ns <= longest->ns)
		return;
	longest->ns = ns;
	longest->t = t;
	read_current(&longest->task);
}

#endif

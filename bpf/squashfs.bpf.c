// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fs/squashfs/cache.c: who is in squashfs_cache_get(), for which cache and block.
 *
 * Only the entry is hooked. A return probe would miss calls just when it matters: each sleeper
 * holds one of the few kretprobe instances. The task walk joins the newest call of a thread with
 * its stack, which tells whether it is still inside.
 *
 * kprobes come before fentry, here and in squashfs_use.bpf.c: a fentry program holds the module
 * (kernel/bpf/trampoline.c), and who validates a fix of squashfs wants to unload it.
 */
#include "ktrace.bpf.h"
#include "squashfs.bpf.h"

static __always_inline int handle_cache_get(struct super_block *sb, struct squashfs_cache *cache,
					    __u64 block)
{
	struct squashfs_thread thread = {
		.call = { .t = NOW(), .cache = (__u64)cache, .block = block },
		.dev = BPF_CORE_READ(sb, s_dev),
		.switches = voluntary_switches(),
	};
	struct squashfs_call *call = &thread.call;
	__s32 tid = (__u32)bpf_get_current_pid_tgid();

	/* a module built without BTF: the call is known, its cache is not */
	if (bpf_core_field_exists(cache->name))
		bpf_probe_read_kernel_str(call->name, sizeof(call->name),
					  BPF_CORE_READ(cache, name));
	bpf_probe_read_kernel_str(call->device, sizeof(call->device),
				  __builtin_preserve_access_index(&sb->s_id));
	update_map(&squashfs_calls, &tid, &thread);
	return 0;
}

SEC("kprobe/squashfs_cache_get")
int BPF_KPROBE(kprobe_squashfs_cache_get, struct super_block *sb, struct squashfs_cache *cache)
{
	return handle_cache_get(sb, cache, block_argument(ctx));
}

SEC("fentry/squashfs_cache_get")
int BPF_PROG(fentry_squashfs_cache_get, struct super_block *sb, struct squashfs_cache *cache,
	     __u64 block)
{
	return handle_cache_get(sb, cache, block);
}

char LICENSE[] SEC("license") = "GPL";

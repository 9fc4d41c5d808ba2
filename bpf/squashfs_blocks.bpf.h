/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Blocks of squashfs that are read from the disk and decompressed, for a cache or past the caches.
 */
#ifndef KTRACE_SQUASHFS_BLOCKS_H
#define KTRACE_SQUASHFS_BLOCKS_H

#include "ktrace.bpf.h"
#include "squashfs_counts.bpf.h"
#include "squashfs_files.bpf.h"

/* blocks read again within so long count as such; ktrace sets it */
const volatile __u64 squashfs_again_ns = 10000000000ULL;

#define STORED_AS_IT_IS (1 << 24) /* SQUASHFS_COMPRESSED_BIT_BLOCK of fs/squashfs/squashfs_fs.h */

struct squashfs_disk {
	struct squashfs_use_key key;
	__u64 t;
};

/* tid -> the block that it reads */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __s32);
	__type(value, struct squashfs_disk);
} squashfs_disk SEC(".maps");

struct squashfs_block_key {
	__u64 block;
	__u32 dev;
	__u32 __pad;
};

/* when each was read last; what is thrown out of it is not seen to be read again */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct squashfs_block_key);
	__type(value, __u64);
} squashfs_blocks SEC(".maps");

static __always_inline bool read_before(__u32 dev, __u64 block, __u64 now)
{
	struct squashfs_block_key key = { .block = block, .dev = dev };
	__u64 *last = bpf_map_lookup_elem(&squashfs_blocks, &key);
	bool again = last && now - *last < squashfs_again_ns;

	update_map(&squashfs_blocks, &key, &now);
	return again;
}

static __always_inline void count_file(__s32 tid, __u32 dev, bool again, __u64 bytes)
{
	struct squashfs_reading *reading = file_read(tid, dev);
	struct squashfs_file *file = reading ? find_file(reading) : NULL;

	if (!file)
		return;
	count_one(&file->fills);
	add(&file->again, again);
	add(&file->bytes_read, bytes);
}

static __always_inline void count_direct(struct super_block *sb, bool again, __u64 bytes,
					 struct squashfs_page_actor *output)
{
	struct squashfs_use *use = use_of_super_block(sb);
	__u64 inflated = 0;

	if (!use)
		return;
	if (bpf_core_field_exists(output->length))
		inflated = BPF_CORE_READ(output, length);
	use->fills++;
	use->again += again;
	use->bytes_read += bytes;
	use->bytes_inflated += inflated;
	if (again)
		use->bytes_again += inflated;
}

static __always_inline int handle_read_data(struct super_block *sb, __u64 index, __s32 length,
					    struct squashfs_page_actor *output)
{
	__s32 tid = (__u32)bpf_get_current_pid_tgid();
	struct squashfs_thread *thread = bpf_map_lookup_elem(&squashfs_calls, &tid);
	struct squashfs_disk disk = { .t = NOW() };
	__u64 bytes = length > 0 ? length & ~STORED_AS_IT_IS : 0;
	bool again;

	disk.key.dev = BPF_CORE_READ(sb, s_dev);
	again = read_before(disk.key.dev, index, disk.t);
	if (thread && !thread->over && !thread->filled_t && thread->call.block == index) {
		thread->filled_t = disk.t;
		thread->again = again;
		thread->slept = voluntary_switches() != thread->switches;
		disk.key.cache = thread->call.cache;
		if (!is_metadata(thread))
			count_file(tid, disk.key.dev, again, bytes);
	} else {
		count_direct(sb, again, bytes, output);
		count_file(tid, disk.key.dev, again, bytes);
	}
	update_map(&squashfs_disk, &tid, &disk);
	return 0;
}

static __always_inline int handle_decompress(void)
{
	__s32 tid = (__u32)bpf_get_current_pid_tgid();
	struct squashfs_disk *disk = bpf_map_lookup_elem(&squashfs_disk, &tid);
	struct squashfs_thread *thread = bpf_map_lookup_elem(&squashfs_calls, &tid);
	__u64 now = NOW();
	struct squashfs_use *use;

	if (!disk || !disk->t)
		return 0;
	use = bpf_map_lookup_elem(&squashfs_use, &disk->key);
	if (!use && thread && disk->key.cache)
		use = use_of_call(thread); /* its first block */
	if (use) {
		use->disk_ns += now - disk->t;
		use->disk_reads++;
		count_slot(use->disk_slots, now - disk->t);
	}
	if (thread && disk->key.cache)
		thread->disk_t = now;
	disk->t = 0;
	return 0;
}

#endif

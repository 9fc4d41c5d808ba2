// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fs/squashfs: what its caches do, counted in the kernel, and which files cause it.
 *
 * Functions are hooked at their entry alone. A return probe misses calls just when it matters, see
 * squashfs.bpf.c, which notes the begin of each squashfs_cache_get(). What comes after it in the
 * same thread tells what became of the call:
 *
 *   squashfs_read_data()   it got an entry, and reads the block; without a call before: a block of
 *                          a file that goes past the caches (fs/squashfs/file_direct.c)
 *   squashfs_decompress()  the block has come from the disk
 *   squashfs_copy_data()   it has the filled entry, and takes something out of it
 *   squashfs_cache_put()   it gives the entry back
 *
 * A thread has one entry at a time: no caller of squashfs_cache_get() calls it again before the
 * put.
 */
#include "ktrace.bpf.h"
#include "squashfs.bpf.h"
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

static __always_inline bool is_metadata(struct squashfs_thread *thread)
{
	return thread->call.name[0] == 'm';
}

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

/* Of a file for which something has been read, too */
static __always_inline void count_slept_file(struct squashfs_thread *thread, __u64 slept, __s32 tid)
{
	struct squashfs_reading *reading = file_read(tid, thread->dev);
	struct squashfs_file *file;

	if (!reading || is_metadata(thread))
		return;
	file = bpf_map_lookup_elem(&squashfs_files, &reading->file);
	if (file)
		add(&file->slept_ns, slept);
}

static __always_inline void count_sleep(struct squashfs_thread *thread, struct squashfs_use *use,
					__u64 until, __s32 tid)
{
	__u64 slept = until - thread->call.t;

	use->slept_ns += slept;
	count_slot(use->slept_slots, slept);
	note_longest(&use->waiter, slept, until);
	count_slept_file(thread, slept, tid);
}

static __always_inline void count_fill(struct squashfs_thread *thread, struct squashfs_use *use,
				       struct squashfs_cache_entry *entry)
{
	__u64 block = 0, next = 0;
	__s32 length = 0;

	use->fills++;
	use->again += thread->again;
	if (thread->disk_t) {
		use->inflate_ns += thread->got_t - thread->disk_t;
	} else { /* it was stored as it is, and copied from what the disk gave */
		use->disk_ns += thread->got_t - thread->filled_t;
		use->disk_reads++;
		count_slot(use->disk_slots, thread->got_t - thread->filled_t);
	}
	if (!bpf_core_field_exists(entry->next_index))
		return;
	length = BPF_CORE_READ(entry, length);
	block = BPF_CORE_READ(entry, block);
	next = BPF_CORE_READ(entry, next_index);
	if (length < 0) {
		use->failed++;
		return;
	}
	use->bytes_inflated += length;
	if (thread->again)
		use->bytes_again += length;
	if (next > block)
		use->bytes_read += next - block;
}

/* The thread has its entry, filled: what became of its call */
static __always_inline void count_got(struct squashfs_thread *thread, struct squashfs_use *use,
				      struct squashfs_cache_entry *entry, __s32 tid)
{
	thread->got_t = NOW();
	use->calls++;
	if (thread->filled_t) {
		if (thread->slept) {
			use->slept_full++;
			count_sleep(thread, use, thread->filled_t, tid);
		}
		count_fill(thread, use, entry);
	} else if (voluntary_switches() != thread->switches) {
		use->slept_pending++;
		count_sleep(thread, use, thread->got_t, tid);
	} else {
		use->hits++;
	}
}

static __always_inline int handle_copy_data(struct squashfs_cache_entry *entry, __s32 length)
{
	__s32 tid = (__u32)bpf_get_current_pid_tgid();
	struct squashfs_thread *thread = bpf_map_lookup_elem(&squashfs_calls, &tid);
	struct squashfs_use *use;

	if (!thread || thread->over)
		return 0;
	use = use_of_call(thread);
	if (!use)
		return 0;
	if (!thread->got_t)
		count_got(thread, use, entry, tid);
	if (length > 0)
		use->bytes_used += length;
	return 0;
}

static __always_inline int handle_cache_put(struct squashfs_cache_entry *entry)
{
	__s32 tid = (__u32)bpf_get_current_pid_tgid();
	struct squashfs_thread *thread = bpf_map_lookup_elem(&squashfs_calls, &tid);
	struct squashfs_use *use;
	__u64 now, held;

	if (!thread || thread->over)
		return 0;
	thread->over = 1;
	use = use_of_call(thread);
	if (!use)
		return 0;
	if (!thread->got_t)
		count_got(thread, use, entry, tid);
	now = NOW();
	held = now - thread->got_t;
	use->held_ns += held;
	note_longest(&use->holder, held, now);
	return 0;
}

static __always_inline int handle_read_file(struct file *file)
{
	__s32 tid = (__u32)bpf_get_current_pid_tgid();
	struct squashfs_reading reading = {};
	struct super_block *sb;
	struct squashfs_use *use;

	if (file) {
		sb = BPF_CORE_READ(file, f_inode, i_sb);
		reading.file.ino = BPF_CORE_READ(file, f_inode, i_ino);
		reading.file.dev = BPF_CORE_READ(sb, s_dev);
		reading.dentry = BPF_CORE_READ(file, f_path.dentry);
		use = use_of_super_block(sb);
		if (use)
			use->calls++;
	}
	update_map(&squashfs_reading, &tid, &reading);
	return 0;
}

SEC("kprobe/squashfs_read_data")
int BPF_KPROBE(read_data_kprobe, struct super_block *sb)
{
#if defined(__TARGET_ARCH_arm)
	/* the index is in the third and fourth register; what follows is on the stack, and not read
	 */
	return handle_read_data(sb, block_argument(ctx), 0, NULL);
#else
	return handle_read_data(sb, PT_REGS_PARM2(ctx), PT_REGS_PARM3(ctx),
				(void *)PT_REGS_PARM5(ctx));
#endif
}

SEC("fentry/squashfs_read_data")
int BPF_PROG(read_data_fentry, struct super_block *sb, __u64 index, int length, __u64 *next_index,
	     struct squashfs_page_actor *output)
{
	return handle_read_data(sb, index, length, output);
}

SEC("kprobe/squashfs_decompress")
int decompress_kprobe(void *ctx)
{
	return handle_decompress();
}

SEC("fentry/squashfs_decompress")
int decompress_fentry(void *ctx)
{
	return handle_decompress();
}

SEC("kprobe/squashfs_copy_data")
int BPF_KPROBE(copy_data_kprobe, void *buffer, struct squashfs_cache_entry *entry, int offset,
	       int length)
{
	return handle_copy_data(entry, length);
}

SEC("fentry/squashfs_copy_data")
int BPF_PROG(copy_data_fentry, void *buffer, struct squashfs_cache_entry *entry, int offset,
	     int length)
{
	return handle_copy_data(entry, length);
}

SEC("kprobe/squashfs_cache_put")
int BPF_KPROBE(cache_put_kprobe, struct squashfs_cache_entry *entry)
{
	return handle_cache_put(entry);
}

SEC("fentry/squashfs_cache_put")
int BPF_PROG(cache_put_fentry, struct squashfs_cache_entry *entry)
{
	return handle_cache_put(entry);
}

SEC("kprobe/squashfs_readahead")
int BPF_KPROBE(readahead_kprobe, struct readahead_control *ractl)
{
	return handle_read_file(BPF_CORE_READ(ractl, file));
}

SEC("fentry/squashfs_readahead")
int BPF_PROG(readahead_fentry, struct readahead_control *ractl)
{
	return handle_read_file(BPF_CORE_READ(ractl, file));
}

SEC("kprobe/squashfs_read_folio")
int BPF_KPROBE(read_folio_kprobe, struct file *file)
{
	return handle_read_file(file);
}

SEC("fentry/squashfs_read_folio")
int BPF_PROG(read_folio_fentry, struct file *file)
{
	return handle_read_file(file);
}

/* until v5.18; now squashfs_read_folio() */
SEC("kprobe/squashfs_readpage")
int BPF_KPROBE(readpage_kprobe, struct file *file)
{
	return handle_read_file(file);
}

SEC("fentry/squashfs_readpage")
int BPF_PROG(readpage_fentry, struct file *file)
{
	return handle_read_file(file);
}

char LICENSE[] SEC("license") = "GPL";

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries of squashfs's caches: what became of a call that asked for one, and how long it was held.
 */
#ifndef KTRACE_SQUASHFS_ENTRIES_H
#define KTRACE_SQUASHFS_ENTRIES_H

#include "ktrace.bpf.h"
#include "squashfs_counts.bpf.h"
#include "squashfs_files.bpf.h"

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

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who submitted a bio, which neither the bio nor its request keeps.
 *
 * submit_bio_noacct() of block/blk-core.c traces each bio once, in the task that submits it. What a
 * bio has when it comes is noted, too: its memory is used again and again, also for bios that are
 * not traced, such as those of SCSI commands.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>

/* on 5.10 the queue comes before the bio */
const volatile bool bio_queue_has_queue = false;

struct bvec_iter {
	__u64 bi_sector;
	__u32 bi_size;
} KERNEL_TYPE;

struct bio {
	struct bvec_iter bi_iter;
	void *bi_end_io;
	void *bi_private;
} KERNEL_TYPE;

struct bio_submitter {
	__u64 sector, end_io, private;
	__u32 size;
	__s32 pid, tid;
	char comm[16];
	__u32 __pad;
};

/* bio -> who submitted it; those that came longest ago are forgotten */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct bio_submitter);
} bio_submitters SEC(".maps");

SEC("tp_btf/block_bio_queue")
int note_bio(__u64 *ctx)
{
	struct bio *bio = (void *)(bio_queue_has_queue ? ctx[1] : ctx[0]);
	struct bio_submitter by = {
		.sector = bio->bi_iter.bi_sector,
		.size = bio->bi_iter.bi_size,
		.end_io = (__u64)bio->bi_end_io,
		.private = (__u64)bio->bi_private,
	};
	__u64 task = bpf_get_current_pid_tgid(), key = (__u64)bio;

	by.pid = task >> 32;
	by.tid = (__s32)task;
	bpf_get_current_comm(by.comm, sizeof(by.comm));
	bpf_map_update_elem(&bio_submitters, &key, &by, BPF_ANY);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";

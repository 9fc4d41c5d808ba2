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
#include "squashfs_blocks.bpf.h"
#include "squashfs_entries.bpf.h"

SEC("kprobe/squashfs_read_data")
int BPF_KPROBE(read_data_kprobe, struct super_block *sb)
{
#if defined(__TARGET_ARCH_arm)
	/* what follows the index is on the stack, and not read */
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

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For which file of squashfs a thread reads, and what was read for each. */
#ifndef KTRACE_SQUASHFS_FILES_H
#define KTRACE_SQUASHFS_FILES_H

#include "ktrace.bpf.h"
#include "squashfs_counts.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 512);
	__type(key, struct squashfs_file_key);
	__type(value, struct squashfs_file);
} squashfs_files SEC(".maps");

struct squashfs_reading {
	struct squashfs_file_key file;
	struct dentry *dentry;
};

/* tid -> the file whose pages it reads, or has read last */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __s32);
	__type(value, struct squashfs_reading);
} squashfs_reading SEC(".maps");

/* new entries are made here: they are too large for the BPF stack */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct squashfs_file);
} new_file SEC(".maps");

/* Leaf first, NUL after each name. A name that begins in the last bytes has room all the same. */
static __always_inline void read_path(char path[SQUASHFS_PATH_LEN], struct dentry *dentry)
{
	__u64 end = 0;

	for (int i = 0; i < SQUASHFS_DEPTH; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		const void *name = BPF_CORE_READ(dentry, d_name.name);
		long len;

		if (!parent || parent == dentry || end >= SQUASHFS_NAMES_LEN)
			break;
		/* the verifier of v6.1 forgets what a spilled number was compared with */
		asm volatile("" : "+r"(end));
		len = bpf_probe_read_kernel_str(path + (end & (SQUASHFS_NAMES_LEN - 1)),
						SQUASHFS_NAME_LEN, name);
		if (len < 0)
			break;
		end += len;
		dentry = parent;
	}
}

/* What this thread reads on dev, or NULL. Blocks and fragments are read for a file alone; metadata
 * are not. */
static __always_inline struct squashfs_reading *file_read(__s32 tid, __u32 dev)
{
	struct squashfs_reading *reading = bpf_map_lookup_elem(&squashfs_reading, &tid);

	return reading && reading->file.dev == dev ? reading : NULL;
}

static __always_inline struct squashfs_file *find_file(struct squashfs_reading *reading)
{
	struct squashfs_file *file = bpf_map_lookup_elem(&squashfs_files, &reading->file);
	__u32 zero = 0;

	if (file)
		return file;
	file = bpf_map_lookup_elem(&new_file, &zero);
	if (!file)
		return NULL;
	clear(file, sizeof(*file));
	read_path(file->path, reading->dentry);
	update_map(&squashfs_files, &reading->file, file);
	return bpf_map_lookup_elem(&squashfs_files, &reading->file);
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

#endif

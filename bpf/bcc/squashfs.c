/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fs/squashfs/cache.c: who is in squashfs_cache_get(), for which cache and block. As
 * ../squashfs.bpf.c. struct squashfs_cache is in no header that a kernel package ships: its name
 * has been its first member since it was made, f400e12656ab ("Squashfs: cache operations"). */
int kprobe_squashfs_cache_get(struct pt_regs *ctx)
{
	struct super_block *sb = (struct super_block *)PT_REGS_PARM1(ctx);
	void **cache = (void **)PT_REGS_PARM2(ctx);
	s32 tid = (u32)bpf_get_current_pid_tgid();
	struct squashfs_call call = {};
	void *name = NULL;

	call.t = NOW();
	call.cache = (u64)cache;
	call.block = PT_REGS_PARM3(ctx);
	bpf_probe_read_kernel(&name, sizeof(name), cache);
	bpf_probe_read_kernel_str(call.name, sizeof(call.name), name);
	bpf_probe_read_kernel_str(call.device, sizeof(call.device), (void *)&sb->s_id);
	if (squashfs_calls.update(&tid, &call))
		count_lost(MAP_UPDATE);
	return 0;
}

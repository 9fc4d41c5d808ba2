/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments of squashfs's functions */
#ifndef KTRACE_SQUASHFS_H
#define KTRACE_SQUASHFS_H

#include "ktrace.bpf.h"

/* The third argument, of 64 bits: on 32-bit ARM it is in two registers (AAPCS) */
static __always_inline __u64 block_argument(struct pt_regs *ctx)
{
#if defined(__TARGET_ARCH_arm)
	return (__u64)PT_REGS_PARM4(ctx) << 32 | PT_REGS_PARM3(ctx);
#else
	return PT_REGS_PARM3(ctx);
#endif
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What bpf/memory.bpf.c is asked, and answers: ktrace/probes/kernel_memory.py */
#ifndef KTRACE_MEMORY_READS_H
#define KTRACE_MEMORY_READS_H

#define MEMORY_READS 64 /* in one run */
#define MEMORY_READ_BYTES 256

struct memory_read {
	__u64 address;
	__u32 size; /* at most MEMORY_READ_BYTES; 0: no more reads */
	__s32 error; /* 0, or a negative errno: nothing was read */
	__u8 data[MEMORY_READ_BYTES];
};

#endif

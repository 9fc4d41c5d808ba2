/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bcc dialect, for kernels without BTF. ktrace/probes/bcc_program.py puts ../events.h,
 *../shared.h and the files of this folder into one text, which bcc compiles on the machine that is
 *traced. It also gives these macros, each found in the kernel's headers or its BTF:
 *
 *	KTRACE_FROM_BTF		the headers are those that ktrace generated
 *	HAVE_*			the kernel has a member, or a function has an argument
 *	STUCK_AFTER_NS, TASK_NOLOAD_BIT, TICK_NS, KTRACE_PID, BOOT_OFFSET_NS
 *
 * Events go through a perf buffer, which kernels have had since v4.4: the ring buffer is of v5.8.
 */
#ifdef KTRACE_FROM_BTF
#include <ktrace_kernel.h>
#else
#include <linux/cgroup.h>
#include <linux/fs.h>
#include <linux/kernfs.h>
#include <linux/memcontrol.h>
#include <linux/mm_types.h>
#include <linux/oom.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#endif

#ifndef HAVE_PROBE_READ_KERNEL
#define bpf_probe_read_kernel bpf_probe_read
#define bpf_probe_read_kernel_str bpf_probe_read_str
#endif

/* bpf_ktime_get_boot_ns() is of v5.8, 71d19214776e; before it, suspending shifts the times */
#ifdef HAVE_KTIME_GET_BOOT_NS
#define NOW() bpf_ktime_get_boot_ns()
#else
#define NOW() (bpf_ktime_get_ns() + BOOT_OFFSET_NS)
#endif

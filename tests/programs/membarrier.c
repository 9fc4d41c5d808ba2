// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * membarrier
 *
 * Waits for one grace period of RCU after the other: MEMBARRIER_CMD_GLOBAL is synchronize_rcu()
 * (kernel/sched/membarrier.c). Prints "ready" after the first.
 */
#include <linux/membarrier.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static long grace_period(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

int main(void)
{
	if (grace_period())
		return 2;
	puts("ready");
	fflush(stdout);
	while (!grace_period())
		;
	return 2;
}

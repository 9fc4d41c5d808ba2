// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * share_mm MEBIBYTES
 *
 * Waits for a line on its standard input, starts another process with the same mm, says its pid,
 * touches that much memory page by page, and waits to be killed. The other one dies with it.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

static int sleep_on(void *unused)
{
	(void)unused;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(300);
	pause();
	return 0;
}

int main(int argc, char **argv)
{
	static char stack[1 << 16] __attribute__((aligned(16)));
	size_t size = argc > 1 ? (size_t)atol(argv[1]) << 20 : 0;
	char *memory;
	int other;

	if (!size || getchar() == EOF)
		return 2;
	other = clone(sleep_on, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
	if (other < 0)
		return 2;
	printf("%d\n", other);
	fflush(stdout);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 2;
	for (size_t at = 0; at < size; at += 4096)
		memory[at] = 1;
	alarm(300);
	pause();
	return 0;
}

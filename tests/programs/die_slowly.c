// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * die_slowly files|pages NUMBER
 *
 * Has so much to let go of when it dies: files, or MiB of one memfd. It
 * runs only when nobody else wants its CPU, so that this takes a while, and competes with a child
 * that spins there and ends with it. Prints "ready", and waits for SIGKILL.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(2);
}

static void take(const char *what, long number)
{
	struct rlimit limit = { number + 16, number + 16 };
	int fd = memfd_create("left", 0);

	if (fd < 0)
		fail("memfd_create");
	if (!strcmp(what, "pages")) {
		if (fallocate(fd, 0, 0, number << 20))
			fail("fallocate");
		return;
	}
	if (setrlimit(RLIMIT_NOFILE, &limit))
		fail("setrlimit");
	while (number--)
		if (memfd_create("left", 0) < 0)
			fail("memfd_create");
}

static void spin_beside(void)
{
	struct sched_param none = { 0 };
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu))
		fail("sched_setaffinity");
	if (!fork()) {
		int up = getppid();

		close_range(3, ~0U, 0);
		while (!kill(up, 0))
			;
		_exit(0);
	}
	if (sched_setscheduler(0, SCHED_IDLE, &none))
		fail("sched_setscheduler");
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	take(argv[1], atol(argv[2]));
	spin_beside();
	puts("ready");
	fflush(stdout);
	pause();
	return 2;
}

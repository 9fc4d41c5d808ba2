// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vfork_wait [poll|sleep|futex|child]
 *
 * Sleeps in wait_for_vfork_done() (kernel/fork.c), TASK_KILLABLE, as long as its child neither
 * executes a program nor exits. That sleeps in the system call named, else in pause(), and dies
 * with its parent.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIFETIME 900 /* seconds, should nobody end it */

static void sleep_in(const char *call)
{
	struct timespec lifetime = { LIFETIME, 0 };
	int word = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LIFETIME);
	if (!strcmp(call, "poll"))
		poll(NULL, 0, -1);
	else if (!strcmp(call, "sleep"))
		nanosleep(&lifetime, NULL);
	else if (!strcmp(call, "futex"))
		syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
	else if (!strcmp(call, "child") && fork())
		wait(NULL);
	else if (prctl(PR_SET_PDEATHSIG, SIGKILL) || pause())
		_exit(0);
}

int main(int argc, char **argv)
{
	pid_t child = vfork();

	if (child < 0)
		return 2;
	if (!child) {
		sleep_in(argc > 1 ? argv[1] : "pause");
		_exit(0);
	}
	return 0;
}

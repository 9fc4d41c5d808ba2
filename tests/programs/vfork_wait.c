// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vfork_wait: sleeps in wait_for_vfork_done() (kernel/fork.c), TASK_KILLABLE, as long as its child
 * neither executes a program nor exits. The child dies with its parent.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(void)
{
	pid_t child = vfork();

	if (child < 0)
		return 2;
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(900);
		pause();
		_exit(0);
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hold_lock pipe|position|inode FILE WAITERS
 *
 * The process "holder" writes from a page that nobody fills: userfaultfd watches it. It sleeps in
 * the page fault, with a lock held; the processes "waiter" write to the same and wait for that
 * lock:
 *
 *   pipe       pipe->mutex, in pipe_write() of fs/pipe.c
 *   position   the f_pos_lock of an open file that they share, in fdget_pos() of fs/file.c
 *   inode      i_rwsem of FILE, which each has opened itself, in its file system's write
 *
 * Prints "ready HOLDER WAITER..." when all run. They end with this process, or with the holder.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "watched_page.h"

static const char *kind, *path;
static int shared_fd;

static void open_shared(void)
{
	int fds[2];

	if (!strcmp(kind, "pipe")) {
		if (pipe(fds))
			fail("pipe");
		shared_fd = fds[1];
	} else if (!strcmp(kind, "position")) {
		shared_fd = open(path, O_WRONLY);
	}
	if (shared_fd < 0)
		fail(path);
}

static int target(void)
{
	int fd = strcmp(kind, "inode") ? shared_fd : open(path, O_WRONLY);

	if (fd < 0)
		fail(path);
	return fd;
}

static pid_t writer(const char *name, int holds)
{
	pid_t pid = fork();
	int fd;

	if (pid < 0)
		fail("fork");
	if (pid)
		return pid;
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = target();
	_exit(write(fd, holds ? watched_page() : "x", 1) != 1);
}

static void wait_in(pid_t pid, const char *function)
{
	char name[64], stack[4096];
	ssize_t length;
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/stack", pid);
	for (;;) {
		fd = open(name, O_RDONLY);
		if (fd < 0)
			fail(name);
		length = read(fd, stack, sizeof(stack) - 1);
		close(fd);
		stack[length > 0 ? length : 0] = '\0';
		if (strstr(stack, function))
			return;
		usleep(1000);
	}
}

int main(int argc, char **argv)
{
	pid_t holder;
	char line[8];

	if (argc != 4)
		return 2;
	kind = argv[1];
	path = argv[2];
	open_shared();
	holder = writer("holder", 1);
	wait_in(holder, "handle_userfault");
	printf("ready %d", holder);
	for (int i = 0; i < atoi(argv[3]); i++) {
		pid_t waiter = writer("waiter", 0);

		wait_in(waiter, "write");
		printf(" %d", waiter);
	}
	printf("\n");
	fflush(stdout);
	fgets(line, sizeof(line), stdin);
	kill(holder, SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}

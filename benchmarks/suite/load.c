// SPDX-License-Identifier: GPL-2.0-or-later
/* What a machine does, a given number of times: prints the seconds that it took. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGES 4096
#define STACK (64 << 10)

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* A byte to another process and back. */
static void throw_bytes(long count)
{
	int there[2], back[2];
	char byte = 0;

	if (pipe(there) || pipe(back))
		die("pipe");
	if (!fork()) {
		while (count-- && read(there[0], &byte, 1) == 1)
			if (write(back[1], &byte, 1) != 1)
				break;
		_exit(0);
	}
	while (count--)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			die("pipe");
	wait(NULL);
}

static void spawn(char *self, long count)
{
	while (count--) {
		if (!vfork()) {
			execl(self, self, "nothing", "0", NULL);
			_exit(1);
		}
		wait(NULL);
	}
}

static void touch_pages(long count)
{
	size_t size = PAGES * (size_t)getpagesize();

	while (count--) {
		char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (area == MAP_FAILED)
			die("mmap");
		madvise(area, size, MADV_NOHUGEPAGE);
		for (size_t at = 0; at < size; at += getpagesize())
			area[at] = 1;
		munmap(area, size);
	}
}

/* From the file system, not from the page cache. */
static void read_file(const char *path, long count)
{
	static char buffer[128 << 10];

	while (count--) {
		int file = open(path, O_RDONLY);

		if (file < 0 || posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED))
			die(path);
		while (read(file, buffer, sizeof(buffer)) > 0)
			;
		close(file);
	}
}

static void kill_children(long count)
{
	while (count--) {
		pid_t child = fork();

		if (!child)
			pause();
		kill(child, SIGKILL);
		wait(NULL);
	}
}

static void *sleep_for_ever(void *unused)
{
	pause();
	return unused;
}

/* Until stdin ends. */
static void sleep_in_threads(long count)
{
	pthread_attr_t attributes;
	pthread_t thread;
	char byte;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	while (count--)
		if (pthread_create(&thread, &attributes, sleep_for_ever, NULL))
			die("pthread_create");
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	_exit(0);
}

int main(int argc, char **argv)
{
	long count = argc > 2 ? atol(argv[2]) : 0;
	double started = now();
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "now")) {
		printf("%.6f\n", now());
		return 0;
	}
	if (!strcmp(what, "pipe"))
		throw_bytes(count);
	else if (!strcmp(what, "spawn"))
		spawn(argv[0], count);
	else if (!strcmp(what, "pages"))
		touch_pages(count);
	else if (!strcmp(what, "read") && argc > 3)
		read_file(argv[3], count);
	else if (!strcmp(what, "kill"))
		kill_children(count);
	else if (!strcmp(what, "threads"))
		sleep_in_threads(count);
	else
		return strcmp(what, "nothing");
	printf("%.6f\n", now() - started);
	return 0;
}

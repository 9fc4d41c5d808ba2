// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * flood kills NUMBER SECONDS
 *
 * Starts NUMBER children, one after the other, each of which sleeps and is killed by SIGKILL,
 * evenly over SECONDS as far as the machine can. Prints how many were killed.
 *
 * flood stuck NUMBER FILE
 *
 * Has NUMBER threads write to FILE: for ever, when its file system is frozen. Prints "ready" when
 * all have begun.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int kills(long number, double seconds)
{
	double start = now();
	long killed = 0;

	for (long i = 0; i < number; i++) {
		pid_t child = vfork();

		if (!child) {
			execlp("sleep", "sleep", "1000", NULL);
			_exit(127);
		}
		if (child < 0)
			continue;
		if (!kill(child, SIGKILL) && waitpid(child, NULL, 0) == child)
			killed++;
		double early = start + seconds * (i + 1) / number - now();
		if (early > 0)
			usleep(early * 1e6);
	}
	printf("%ld %.3f\n", killed, now() - start);
	return 0;
}

static const char *path;

static void *write_byte(void *unused)
{
	int fd = open(path, O_WRONLY);

	return fd >= 0 && write(fd, "x", 1) == 1 ? unused : NULL;
}

static int stuck(long number)
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN);
	for (long i = 0; i < number; i++)
		if (pthread_create(&thread, &small, write_byte, NULL))
			return 1;
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	if (!strcmp(argv[1], "kills"))
		return kills(atol(argv[2]), atof(argv[3]));
	path = argv[3];
	return stuck(atol(argv[2]));
}

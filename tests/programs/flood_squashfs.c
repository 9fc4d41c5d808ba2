// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * flood_squashfs THREADS SECONDS FOLDER FILES
 *
 * Has THREADS threads read the files FOLDER/0, 1, ... past the page cache, for SECONDS: each read
 * goes through squashfs's cache of fragments, which has three entries. Each thread has files of its
 * own, if FILES is a multiple of THREADS. Prints how many reads there were, how often a thread went
 * to sleep in them, and the seconds; then sleeps.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "fail.h"

static atomic_long reads, sleeps;
static double until;
static int *files;
static long number, threads;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void *read_all(void *first)
{
	struct rusage usage;
	long done = 0;
	char byte;

	for (long i = (long)first; now() < until; i += threads, done++) {
		int fd = files[i % number];

		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		if (pread(fd, &byte, 1, 0) != 1)
			fail("pread");
	}
	getrusage(RUSAGE_THREAD, &usage);
	reads += done;
	sleeps += usage.ru_nvcsw;
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t *made;
	double begun;
	char path[256];

	if (argc != 5)
		return 2;
	threads = atol(argv[1]);
	made = calloc(threads, sizeof(*made));
	number = atol(argv[4]);
	files = calloc(number, sizeof(*files));
	for (long i = 0; i < number; i++) {
		snprintf(path, sizeof(path), "%s/%ld", argv[3], i);
		files[i] = open(path, O_RDONLY);
		if (files[i] < 0)
			fail(path);
		posix_fadvise(files[i], 0, 0, POSIX_FADV_RANDOM);
	}
	begun = now();
	until = begun + atof(argv[2]);
	for (long i = 0; i < threads; i++)
		if (pthread_create(&made[i], NULL, read_all, (void *)i))
			fail("pthread_create");
	for (long i = 0; i < threads; i++)
		pthread_join(made[i], NULL);
	printf("%ld %ld %.3f\n", reads, sleeps, now() - begun);
	fflush(stdout);
	pause();
	return 0;
}

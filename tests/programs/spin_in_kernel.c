// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * spin_in_kernel GIBIBYTES [FILE]
 *
 * One mincore() of that much address space: the kernel writes a byte for each page without ever
 * looking for signals (mm/mincore.c). The bytes all go to one MiB of memory, mapped again and
 * again. A fast machine does 6 TiB a second.
 *
 * With FILE, of at least one MiB, the last bytes go there: the kernel falls asleep at the end, when
 * FILE's file system is frozen.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB (1UL << 20)

int main(int argc, char **argv)
{
	size_t size = argc > 1 ? (size_t)atol(argv[1]) << 30 : 0;
	size_t bytes = size / 4096;
	int fd = memfd_create("bytes", 0);
	char *space, *vector;
	int sum = 0;

	if (!bytes || fd < 0 || ftruncate(fd, MIB))
		return 2;
	space = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	vector = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (space == MAP_FAILED || vector == MAP_FAILED)
		return 2;
	for (size_t at = 0; at < bytes; at += MIB)
		if (mmap(vector + at, MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
		    MAP_FAILED)
			return 2;
	if (argc > 2) {
		fd = open(argv[2], O_RDWR);
		if (mmap(vector + bytes - MIB, MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			 fd, 0) == MAP_FAILED)
			return 2;
		/* A killed task's fault gives up where the page must be read first. */
		for (size_t at = 0; at < MIB; at += 4096)
			sum += ((volatile char *)vector)[bytes - MIB + at];
	}
	puts("ready");
	fflush(stdout);
	return mincore(space, size, (unsigned char *)vector) != sum;
}

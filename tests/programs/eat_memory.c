// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * eat_memory MEBIBYTES [FILE]
 *
 * Waits for a line on its standard input, then touches that much memory page by page, and waits to
 * be killed. With FILE, a thread writes one byte to it first: it sleeps where FILE's file system is
 * frozen, and keeps the address space when the process is killed.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void *write_byte(void *path)
{
	int fd = open(path, O_WRONLY);

	return fd >= 0 && write(fd, "x", 1) == 1 ? path : NULL;
}

int main(int argc, char **argv)
{
	size_t size = argc > 1 ? (size_t)atol(argv[1]) << 20 : 0;
	pthread_t thread;
	char *memory;

	if (!size || (argc > 2 && pthread_create(&thread, NULL, write_byte, argv[2])))
		return 2;
	if (getchar() == EOF)
		return 0;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 2;
	for (size_t at = 0; at < size; at += 4096)
		memory[at] = 1;
	alarm(900);
	pause();
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stuck_write FILE [leader-exits|leader-waits]
 *
 * Writes one byte to FILE: for ever, when its file system is frozen. With a second argument a
 * thread does it, while the leader exits (and stays as a zombie) or waits for the thread.
 */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static void *write_byte(void *path)
{
	int fd = open(path, O_WRONLY);

	return fd >= 0 && write(fd, "x", 1) == 1 ? path : NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc == 2)
		return !write_byte(argv[1]);
	if (argc != 3 || pthread_create(&thread, NULL, write_byte, argv[1]))
		return 2;
	if (!strcmp(argv[2], "leader-exits"))
		pthread_exit(NULL);
	return pthread_join(thread, NULL);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * async_io aio|aio-exec|io_uring|direct|direct-large FILE
 *
 * Writes to FILE what does not come back, when its device or file system does not answer:
 *
 *   aio           io_submit() of a direct write; it waits for standard input then
 *   aio-exec      the same, then it executes another program: it waits for the request before it
 *                 has its new memory, with exec_update_lock held (exec_mmap() of fs/exec.c)
 *   io_uring      an asynchronous buffered write, which an io_uring worker does; then the same as
 *                 aio
 *   direct        a direct write of 4 KiB, in the process itself
 *   direct-large  one of 2 MiB, which takes more than one bio
 *
 * Prints "ready" when it has submitted, or is about to.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fail.h"

enum { PAGE = 4096, LARGE = 2 << 20 };

static void submit_aio(int fd, void *data)
{
	aio_context_t context = 0;
	struct iocb request = {
		.aio_fildes = fd,
		.aio_lio_opcode = IOCB_CMD_PWRITE,
		.aio_buf = (unsigned long)data,
		.aio_nbytes = PAGE,
	};
	struct iocb *requests = &request;

	if (syscall(SYS_io_setup, 1, &context) ||
	    syscall(SYS_io_submit, context, 1, &requests) != 1)
		fail("io_submit");
}

static void *map_ring(int ring, size_t size, off_t offset)
{
	void *at =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, offset);

	if (at == MAP_FAILED)
		fail("mmap");
	return at;
}

static void submit_uring(int fd, void *data)
{
	struct io_uring_params params = { 0 };
	int ring = syscall(SYS_io_uring_setup, 1, &params);
	struct io_uring_sqe *request;
	unsigned int *index;
	char *queue;

	if (ring < 0)
		fail("io_uring_setup");
	queue = map_ring(ring, params.sq_off.array + 4, IORING_OFF_SQ_RING);
	request = map_ring(ring, sizeof(*request), IORING_OFF_SQES);
	request->opcode = IORING_OP_WRITE;
	request->flags = IOSQE_ASYNC;
	request->fd = fd;
	request->addr = (unsigned long)data;
	request->len = 1;
	index = (unsigned int *)(queue + params.sq_off.array);
	*index = 0;
	__atomic_store_n((unsigned int *)(queue + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 0, 0, NULL, 0) != 1)
		fail("io_uring_enter");
}

int main(int argc, char **argv)
{
	void *data;
	int fd, uring;

	if (argc != 3)
		return 2;
	uring = !strcmp(argv[1], "io_uring");
	fd = open(argv[2], uring ? O_WRONLY : O_WRONLY | O_DIRECT);
	if (fd < 0 || posix_memalign(&data, PAGE, LARGE))
		fail(argv[2]);
	memset(data, 'x', LARGE);
	if (!strncmp(argv[1], "aio", 3))
		submit_aio(fd, data);
	if (uring)
		submit_uring(fd, data);
	puts("ready");
	fflush(stdout);
	if (!strcmp(argv[1], "aio-exec"))
		execl("/bin/true", "true", NULL);
	if (!strcmp(argv[1], "direct"))
		return write(fd, data, PAGE) != PAGE;
	if (!strcmp(argv[1], "direct-large"))
		return write(fd, data, LARGE) != LARGE;
	return getchar() != EOF;
}

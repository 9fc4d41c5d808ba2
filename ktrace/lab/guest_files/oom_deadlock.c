/*
 * The classic OOM deadlock: who must die for memory waits for a mutex, whose holder wants memory.
 *
 *   oom_deadlock holder READY_DIR FIFO     fill the FIFO from pages that do not exist yet
 *   oom_deadlock victim READY_DIR FIFO MB  keep MB of memory, then write a byte to the FIFO
 *
 * One write() of the holder takes the FIFO's mutex and keeps it: its first page comes from a
 * userfaultfd, whose handler, a thread of the holder, waits for SIGUSR2; the pages after it are
 * holes of a memfd, so that each needs memory when it is copied. The victim's memory is a memfd as
 * well: the OOM reaper cannot take what is shared.
 *
 * Each role locks its program into memory, makes the file READY_DIR/ROLE.PID, and waits for
 * SIGUSR1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, MEGABYTE = 1024 * 1024, PIPE_BYTES = 8 * MEGABYTE };
enum { WRITTEN = PIPE_BYTES - 64 * PAGE }; /* leaves room for the victims' bytes */

struct fault {
	int fd; /* userfaultfd */
	char *page;
};

static void fail(const char *what)
{
	fprintf(stderr, "oom_deadlock: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void wait_for(int number)
{
	sigset_t set;
	int got;

	sigemptyset(&set);
	sigaddset(&set, number);
	sigwait(&set, &got);
}

static void get_ready_and_wait(const char *role, const char *ready_dir)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s.%d", ready_dir, role, (int)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		fail(path);
	close(fd);
	wait_for(SIGUSR1);
}

/* Opened for both, a FIFO takes what is written to it, though nobody reads. */
static int open_fifo(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail(path);
	return fd;
}

/* Memory of a memfd; at: where, or NULL. Its pages come when they are touched. */
static char *shared_memory(void *at, size_t size)
{
	int fd = memfd_create("shared", MFD_CLOEXEC);
	char *memory;

	if (fd < 0 || ftruncate(fd, size))
		fail("memfd");
	memory = mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | (at ? MAP_FIXED : 0), fd, 0);
	if (memory == MAP_FAILED)
		fail("mmap");
	return memory;
}

static struct fault watch_page(char *page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register watched = {
		.range = { (unsigned long)page, PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct fault fault = { syscall(SYS_userfaultfd, O_CLOEXEC), page };

	if (fault.fd < 0 || ioctl(fault.fd, UFFDIO_API, &api) ||
	    ioctl(fault.fd, UFFDIO_REGISTER, &watched))
		fail("userfaultfd");
	return fault;
}

static void *serve_page(void *argument)
{
	const struct fault *fault = argument;
	struct uffdio_zeropage zero = { .range = { (unsigned long)fault->page, PAGE } };

	prctl(PR_SET_NAME, "handler");
	wait_for(SIGUSR2);
	if (ioctl(fault->fd, UFFDIO_ZEROPAGE, &zero))
		fail("UFFDIO_ZEROPAGE");
	return NULL;
}

static void hold(const char *ready_dir, const char *fifo)
{
	int fd = open_fifo(fifo);
	char *from =
		mmap(NULL, PIPE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct fault fault;
	pthread_t handler;

	if (from == MAP_FAILED || fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES) < 0)
		fail("pipe");
	fault = watch_page(from);
	shared_memory(from + PAGE, PIPE_BYTES - PAGE);
	if (pthread_create(&handler, NULL, serve_page, &fault))
		fail("pthread_create");
	get_ready_and_wait("holder", ready_dir);
	if (write(fd, from, WRITTEN) != WRITTEN)
		fail("write");
}

static void be_victim(const char *ready_dir, const char *fifo, size_t megabytes)
{
	int fd = open_fifo(fifo);
	char *memory = shared_memory(NULL, megabytes * MEGABYTE);

	for (size_t at = 0; at < megabytes * MEGABYTE; at += PAGE)
		memory[at] = 1;
	get_ready_and_wait("victim", ready_dir);
	if (write(fd, "", 1) != 1)
		fail("write");
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";
	sigset_t blocked;

	if (argc < 4) {
		fprintf(stderr, "usage: oom_deadlock holder|victim READY_DIR FIFO [MB]\n");
		return 2;
	}
	prctl(PR_SET_NAME, role);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigaddset(&blocked, SIGUSR2);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	if (mlockall(MCL_CURRENT))
		fail("mlockall");
	if (!strcmp(role, "holder"))
		hold(argv[2], argv[3]);
	else
		be_victim(argv[2], argv[3], argc > 4 ? strtoul(argv[4], NULL, 10) : 1);
	return 0;
}

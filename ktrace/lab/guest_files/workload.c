/*
 * The lab's workload: one program, many roles, so that each shows under its own name.
 *
 *   workload ROLE READY_DIR [ARGUMENT...]
 *
 *   filler FILE     read the file's first page (of a block that nobody has read yet)
 *   reader FILE     the same: it waits for a block that a filler is reading
 *   faulter FILE    touch the file's first page through a mapping
 *   faulters FILE   two threads that each touch a page of a mapping
 *   hog FILE MB     grow to MB of anonymous memory before it gets ready, then as faulter
 *   asker           ask for memory until the kernel has OOM-killed somebody
 *   holder FILE FIFO  write FILE's first page to the FIFO: faults with the pipe's mutex held
 *   waiter FIFO     write a byte to the FIFO
 *   looker PATH     stat() it
 *   maker PATH      mkdir() it
 *   direct DEVICE   read 64 KiB from the device, past the page cache
 *
 * Every role locks its program into memory (or it would wait for its own text on the stalled
 * disk), opens its file, makes the file READY_DIR/ROLE.PID, and waits for SIGUSR1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, DIRECT_BYTES = 64 * 1024, MEGABYTE = 1024 * 1024 };

static void fail(const char *what)
{
	fprintf(stderr, "workload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags);

	if (fd < 0)
		fail(path);
	return fd;
}

static void get_ready_and_wait(const char *role, const char *ready_dir)
{
	char path[PATH_MAX];
	sigset_t go;
	int fd, signal_number;

	sigemptyset(&go);
	sigaddset(&go, SIGUSR1);
	snprintf(path, sizeof(path), "%s/%s.%d", ready_dir, role, (int)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		fail(path);
	close(fd);
	sigwait(&go, &signal_number);
}

static void block_go_signal(void)
{
	sigset_t go;

	sigemptyset(&go);
	sigaddset(&go, SIGUSR1);
	sigprocmask(SIG_BLOCK, &go, NULL);
}

static void grow(size_t megabytes)
{
	size_t size = megabytes * MEGABYTE;
	char *memory =
		mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap");
	for (size_t at = 0; at < size; at += PAGE)
		memory[at] = 1;
}

static void read_first_page(int fd)
{
	char page[PAGE];

	if (pread(fd, page, PAGE, 0) < 0)
		fail("pread");
}

static void read_role(const char *role, const char *ready_dir, const char *path)
{
	int fd = open_file(path, 0);

	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	get_ready_and_wait(role, ready_dir);
	read_first_page(fd);
}

static char *map_pages(const char *path, size_t pages)
{
	int fd = open_file(path, 0);
	char *start = mmap(NULL, pages * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);

	if (start == MAP_FAILED)
		fail("mmap");
	/* A fault then reads its own page only, not those around it. */
	madvise(start, pages * PAGE, MADV_RANDOM);
	return start;
}

static char *map_first_page(const char *path)
{
	return map_pages(path, 1);
}

static void fault_role(const char *role, const char *ready_dir, const char *path, size_t megabytes)
{
	volatile char *page = map_first_page(path);

	grow(megabytes);
	get_ready_and_wait(role, ready_dir);
	(void)*page;
}

static void *touch(void *page)
{
	(void)*(volatile char *)page;
	return NULL;
}

static void faults_role(const char *role, const char *ready_dir, const char *path)
{
	char *pages = map_pages(path, 2);
	pthread_t second;

	get_ready_and_wait(role, ready_dir);
	if (pthread_create(&second, NULL, touch, pages + PAGE))
		fail("pthread_create");
	touch(pages);
}

/* Opened for both, a FIFO takes what is written to it, though nobody reads. */
static int open_fifo(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail(path);
	return fd;
}

static void hold_role(const char *role, const char *ready_dir, const char *path, const char *fifo)
{
	const char *page = map_first_page(path);
	int fd = open_fifo(fifo);

	get_ready_and_wait(role, ready_dir);
	if (write(fd, page, PAGE) != PAGE)
		fail("write");
}

static void wait_role(const char *role, const char *ready_dir, const char *fifo)
{
	int fd = open_fifo(fifo);

	get_ready_and_wait(role, ready_dir);
	if (write(fd, "", 1) != 1)
		fail("write");
}

static void look_role(const char *role, const char *ready_dir, const char *path)
{
	struct stat found;

	get_ready_and_wait(role, ready_dir);
	if (stat(path, &found) && errno != ENOENT)
		fail(path);
}

static void make_role(const char *role, const char *ready_dir, const char *path)
{
	get_ready_and_wait(role, ready_dir);
	if (mkdir(path, 0755))
		fail(path);
}

static long oom_kills(int vmstat)
{
	static char text[64 * 1024];
	ssize_t length = pread(vmstat, text, sizeof(text) - 1, 0);
	char *line;

	if (length < 0)
		fail("/proc/vmstat");
	text[length] = '\0';
	line = strstr(text, "\noom_kill ");
	return line ? strtol(line + strlen("\noom_kill "), NULL, 10) : 0;
}

static void ask_role(const char *role, const char *ready_dir)
{
	int vmstat = open_file("/proc/vmstat", 0);
	long before = oom_kills(vmstat);

	get_ready_and_wait(role, ready_dir);
	while (oom_kills(vmstat) == before)
		grow(1);
}

static void direct_role(const char *role, const char *ready_dir, const char *device)
{
	int fd = open_file(device, O_DIRECT);
	void *buffer;

	if (posix_memalign(&buffer, PAGE, DIRECT_BYTES))
		fail("posix_memalign");
	get_ready_and_wait(role, ready_dir);
	if (pread(fd, buffer, DIRECT_BYTES, 0) != DIRECT_BYTES)
		fail("pread");
}

static int usage(void)
{
	fprintf(stderr, "usage: workload ROLE READY_DIR [ARGUMENT...]\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";
	const char *ready_dir = argc > 2 ? argv[2] : "";
	const char *file = argc > 3 ? argv[3] : "";

	if (argc < 3)
		return usage();
	prctl(PR_SET_NAME, role);
	block_go_signal();
	if (mlockall(MCL_CURRENT))
		fail("mlockall");
	if (!strcmp(role, "filler") || !strcmp(role, "reader"))
		read_role(role, ready_dir, file);
	else if (!strcmp(role, "faulter"))
		fault_role(role, ready_dir, file, 0);
	else if (!strcmp(role, "faulters"))
		faults_role(role, ready_dir, file);
	else if (!strcmp(role, "hog") && argc > 4)
		fault_role(role, ready_dir, file, strtoul(argv[4], NULL, 10));
	else if (!strcmp(role, "asker"))
		ask_role(role, ready_dir);
	else if (!strcmp(role, "holder") && argc > 4)
		hold_role(role, ready_dir, file, argv[4]);
	else if (!strcmp(role, "waiter"))
		wait_role(role, ready_dir, file);
	else if (!strcmp(role, "looker"))
		look_role(role, ready_dir, file);
	else if (!strcmp(role, "maker"))
		make_role(role, ready_dir, file);
	else if (!strcmp(role, "direct"))
		direct_role(role, ready_dir, file);
	else
		return usage();
	return 0;
}

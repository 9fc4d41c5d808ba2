/*
 * To be preloaded (LD_PRELOAD) into ktrace: one system call of the live path fails.
 *
 * FAIL_CALL="COMM CALL N": the Nth CALL (write, fsync, fdatasync, open, poll, epoll_wait, fork) of
 * the process that is named COMM (comm) fails; of what it has forked, "COMM+ CALL N".
 * FAIL_LOG=FILE: each such call adds a line "COMM CALL N WHAT" to FILE, WHAT being the file's name.
 * The live path of a process begins when it locks its memory (mlockall); before that nothing is
 * counted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum call { WRITE, FSYNC, FDATASYNC, OPEN, POLL, EPOLL_WAIT, FORK, CALLS };

static const struct {
	const char *name;
	int error;
} calls[CALLS] = {
	[WRITE] = { "write", ENOSPC },	    [FSYNC] = { "fsync", EIO },
	[FDATASYNC] = { "fdatasync", EIO }, [OPEN] = { "open", EMFILE },
	[POLL] = { "poll", ENOMEM },	    [EPOLL_WAIT] = { "epoll_wait", ENOMEM },
	[FORK] = { "fork", EAGAIN },
};

static int live, forked;
static int count[CALLS];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void note(const char *who, enum call call, const char *what)
{
	const char *path = getenv("FAIL_LOG");
	char line[512];
	int length, fd;

	if (!path)
		return;
	length = snprintf(line, sizeof(line), "%s %s %d %s\n", who, calls[call].name, count[call],
			  what);
	fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT, 0600);
	syscall(SYS_write, fd, line, length);
	syscall(SYS_close, fd);
}

/* Whether this call is the one that fails; errno is set then. */
static int fails(enum call call, const char *what)
{
	const char *wanted = getenv("FAIL_CALL");
	char who[32] = "", this[64];

	if (!live)
		return 0;
	prctl(PR_GET_NAME, who);
	if (forked)
		strcat(who, "+");
	count[call]++;
	note(who, call, what);
	snprintf(this, sizeof(this), "%s %s %d", who, calls[call].name, count[call]);
	if (!wanted || strcmp(wanted, this))
		return 0;
	errno = calls[call].error;
	return 1;
}

static const char *name_of(int fd)
{
	static char name[256];
	char link[64];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, name, sizeof(name) - 1);
	name[length < 0 ? 0 : length] = 0;
	return name;
}

int mlockall(int flags)
{
	live = 1;
	memset(count, 0, sizeof(count));
	return REAL(mlockall)(flags);
}

ssize_t write(int fd, const void *data, size_t size)
{
	return fails(WRITE, live ? name_of(fd) : "") ? -1 : REAL(write)(fd, data, size);
}

int fsync(int fd)
{
	return fails(FSYNC, live ? name_of(fd) : "") ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
	return fails(FDATASYNC, live ? name_of(fd) : "") ? -1 : REAL(fdatasync)(fd);
}

#define OPEN_LIKE(function)                                                        \
	int function(const char *path, int flags, ...)                             \
	{                                                                          \
		va_list more;                                                      \
		mode_t mode;                                                       \
                                                                                   \
		va_start(more, flags);                                             \
		mode = va_arg(more, mode_t);                                       \
		va_end(more);                                                      \
		return fails(OPEN, path) ? -1 : REAL(function)(path, flags, mode); \
	}

OPEN_LIKE(open)
OPEN_LIKE(open64)

int poll(struct pollfd *fds, nfds_t number, int timeout)
{
	return fails(POLL, "") ? -1 : REAL(poll)(fds, number, timeout);
}

int epoll_wait(int fd, struct epoll_event *events, int number, int timeout)
{
	return fails(EPOLL_WAIT, "") ? -1 : REAL(epoll_wait)(fd, events, number, timeout);
}

pid_t fork(void)
{
	pid_t pid = fails(FORK, "") ? -1 : REAL(fork)();

	if (!pid && live) {
		forked = 1;
		memset(count, 0, sizeof(count));
	}
	return pid;
}

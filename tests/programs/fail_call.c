/*
 * To be preloaded (LD_PRELOAD) into ktrace: one system call of the live path fails.
 *
 * FAIL_CALL="COMM CALL N": the Nth CALL (those of calls[]) of the process that is named COMM (comm)
 * fails; of what it has forked, "COMM+ CALL N". FAIL_ERROR=NUMBER: with that errno.
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
#include <sys/uio.h>
#include <unistd.h>

enum call {
	WRITE,
	FSYNC,
	FDATASYNC,
	OPEN,
	POLL,
	EPOLL_WAIT,
	FORK,
	READ,
	MLOCKALL,
	MLOCK,
	MEMFD_CREATE,
	RENAME,
	BPF,
	PERF_EVENT_OPEN,
	CALLS
};

static const struct {
	const char *name;
	int error;
} calls[CALLS] = {
	[WRITE] = { "write", ENOSPC },
	[FSYNC] = { "fsync", EIO },
	[FDATASYNC] = { "fdatasync", EIO },
	[OPEN] = { "open", EMFILE },
	[POLL] = { "poll", ENOMEM },
	[EPOLL_WAIT] = { "epoll_wait", ENOMEM },
	[FORK] = { "fork", EAGAIN },
	[READ] = { "read", EIO },
	[MLOCKALL] = { "mlockall", ENOMEM },
	[MLOCK] = { "mlock", ENOMEM },
	[MEMFD_CREATE] = { "memfd_create", EMFILE },
	[RENAME] = { "rename", EACCES },
	[BPF] = { "bpf", ENOMEM },
	[PERF_EVENT_OPEN] = { "perf_event_open", EMFILE },
};

static int live, forked;
static int count[CALLS];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void note(const char *who, enum call call, const char *what)
{
	long (*call_kernel)(long, ...) = REAL(syscall);
	const char *path = getenv("FAIL_LOG");
	char line[512];
	int length, fd;

	if (!path)
		return;
	length = snprintf(line, sizeof(line), "%s %s %d %s\n", who, calls[call].name, count[call],
			  what);
	fd = call_kernel(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT, 0600);
	call_kernel(SYS_write, fd, line, length);
	call_kernel(SYS_close, fd);
}

/* Whether this call is the one that fails; errno is set then. */
static int fails(enum call call, const char *what)
{
	const char *wanted = getenv("FAIL_CALL"), *error = getenv("FAIL_ERROR");
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
	errno = error ? atoi(error) : calls[call].error;
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
	return fails(MLOCKALL, "") ? -1 : REAL(mlockall)(flags);
}

int mlock(const void *at, size_t size)
{
	return fails(MLOCK, "") ? -1 : REAL(mlock)(at, size);
}

int memfd_create(const char *name, unsigned int flags)
{
	return fails(MEMFD_CREATE, name) ? -1 : REAL(memfd_create)(name, flags);
}

int rename(const char *old, const char *new)
{
	return fails(RENAME, new) ? -1 : REAL(rename)(old, new);
}

int renameat(int from, const char *old, int to, const char *new)
{
	return fails(RENAME, new) ? -1 : REAL(renameat)(from, old, to, new);
}

ssize_t readv(int fd, const struct iovec *parts, int number)
{
	return fails(READ, live ? name_of(fd) : "") ? -1 : REAL(readv)(fd, parts, number);
}

ssize_t read(int fd, void *data, size_t size)
{
	return fails(READ, live ? name_of(fd) : "") ? -1 : REAL(read)(fd, data, size);
}

/* What has no function of its own in libc; enum bpf_cmd of include/uapi/linux/bpf.h. */
long syscall(long number, ...)
{
	char command[16];
	long given[6];
	va_list more;

	va_start(more, number);
	for (int i = 0; i < 6; i++)
		given[i] = va_arg(more, long);
	va_end(more);
	snprintf(command, sizeof(command), "command %ld", given[0]);
	if ((number == SYS_bpf && fails(BPF, command)) ||
	    (number == SYS_perf_event_open && fails(PERF_EVENT_OPEN, "")))
		return -1;
	return REAL(syscall)(number, given[0], given[1], given[2], given[3], given[4], given[5]);
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

#define OPENAT_LIKE(function)                                                              \
	int function(int folder, const char *path, int flags, ...)                         \
	{                                                                                  \
		va_list more;                                                              \
		mode_t mode;                                                               \
                                                                                           \
		va_start(more, flags);                                                     \
		mode = va_arg(more, mode_t);                                               \
		va_end(more);                                                              \
		return fails(OPEN, path) ? -1 : REAL(function)(folder, path, flags, mode); \
	}

OPENAT_LIKE(openat)
OPENAT_LIKE(openat64)

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

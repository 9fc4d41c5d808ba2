/*
 * The program of the lab's oom-livelock: processes that touch more memory than their memory
 * cgroup may have.
 *
 *   oom_spin ROLE READY_DIR CGROUP MB
 *
 *   hog      an ordinary process: the OOM killer ends it
 *   guard    a daemon that protects itself with oom_score_adj -1000, outside the cgroup; its
 *            child, `heir`, has inherited that, and is the one that touches memory
 *   twin     shares its mm with a child (CLONE_VM); the child protects itself, and the kernel
 *            gives that to both
 *   respawn  starts `worker`, which does as `hog`, again whenever it has been killed; before that
 *            it fills 10 MiB with a file on tmpfs, READY_DIR/shmem, which no kill frees
 *
 * Who touches memory is in CGROUP, makes the file READY_DIR/NAME.PID and waits for SIGUSR1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, CLONE_STACK = 64 * 1024, FILE_MB = 10, RESPAWN_US = 500000 };

static const char *ready_dir;

static void fail(const char *what)
{
	fprintf(stderr, "oom_spin: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail(path);
	close(fd);
}

static void join(const char *cgroup)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	write_file(path, "0");
}

static void protect_myself(void)
{
	write_file("/proc/self/oom_score_adj", "-1000");
}

static void get_ready_and_wait(const char *name)
{
	char path[PATH_MAX];
	sigset_t go;
	int signal_number;

	prctl(PR_SET_NAME, name);
	sigemptyset(&go);
	sigaddset(&go, SIGUSR1);
	snprintf(path, sizeof(path), "%s/%s.%d", ready_dir, name, (int)getpid());
	write_file(path, "");
	sigwait(&go, &signal_number);
}

static void touch(size_t megabytes)
{
	size_t size = megabytes << 20;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap");
	for (size_t at = 0; at < size; at += PAGE)
		memory[at] = 1;
}

static void guard(const char *cgroup, size_t megabytes)
{
	prctl(PR_SET_NAME, "guard");
	protect_myself();
	pid_t heir = fork();

	if (heir < 0)
		fail("fork");
	if (!heir) {
		join(cgroup);
		get_ready_and_wait("heir");
		touch(megabytes);
		_exit(0);
	}
	waitpid(heir, NULL, 0);
}

static int shield(void *arg)
{
	prctl(PR_SET_NAME, "shield");
	/* the mm is its parent's: it must not outlive it */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	protect_myself();
	write_file(arg, "");
	pause();
	return 0;
}

static void twin(const char *cgroup, size_t megabytes)
{
	static char shield_ready[PATH_MAX];
	char *stack = malloc(CLONE_STACK);

	join(cgroup);
	snprintf(shield_ready, sizeof(shield_ready), "%s/shield", ready_dir);
	if (!stack || clone(shield, stack + CLONE_STACK, CLONE_VM | SIGCHLD, shield_ready) < 0)
		fail("clone");
	get_ready_and_wait("twin");
	touch(megabytes);
}

static void fill_file(size_t megabytes)
{
	static char page[PAGE];
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/shmem", ready_dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		fail(path);
	for (size_t at = 0; at < megabytes << 20; at += PAGE)
		if (write(fd, page, PAGE) != PAGE)
			fail("write");
	close(fd);
}

static void worker(const char *cgroup, size_t megabytes)
{
	prctl(PR_SET_NAME, "worker");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	join(cgroup);
	touch(megabytes);
	_exit(0);
}

static void respawn(const char *cgroup, size_t megabytes, size_t file_megabytes)
{
	pid_t child = fork();

	if (!child) {
		join(cgroup);
		fill_file(file_megabytes);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	get_ready_and_wait("respawn");
	for (;;) {
		child = fork();
		if (!child)
			worker(cgroup, megabytes);
		if (child < 0)
			fail("fork");
		waitpid(child, NULL, 0);
		usleep(RESPAWN_US); /* as a supervisor does */
	}
}

int main(int argc, char **argv)
{
	sigset_t go;
	size_t megabytes;

	if (argc != 5)
		return 2;
	ready_dir = argv[2];
	megabytes = strtoul(argv[4], NULL, 10);
	sigemptyset(&go);
	sigaddset(&go, SIGUSR1);
	sigprocmask(SIG_BLOCK, &go, NULL);
	if (!strcmp(argv[1], "hog")) {
		join(argv[3]);
		get_ready_and_wait("hog");
		touch(megabytes);
	} else if (!strcmp(argv[1], "guard")) {
		guard(argv[3], megabytes);
	} else if (!strcmp(argv[1], "twin")) {
		twin(argv[3], megabytes);
	} else if (!strcmp(argv[1], "respawn")) {
		respawn(argv[3], megabytes, FILE_MB);
	} else {
		return 2;
	}
	return 0;
}

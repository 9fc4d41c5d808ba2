/*
 * Many programs on a slow disk that together want more memory than there is.
 *
 *   thrash supervise DIRECTORY PROGRAMS PROCESSES MB    keep PROCESSES of DIRECTORY/0, 1, ... alive
 *   thrash grow MB                                      what they are: copies of this file
 *
 * A grower takes MB of anonymous memory, page by page, and touches random pages of its own file
 * all the time, so its program text and data compete with everybody's memory. The supervisor is
 * locked into memory and starts a new one whenever one has died; SIGTERM ends it and all of them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, MEGABYTE = 1024 * 1024, STEP_PAGES = 64, PAUSE_NS = 2 * 1000 * 1000 };

static void fail(const char *what)
{
	fprintf(stderr, "thrash: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void end(int signal_number)
{
	(void)signal_number;
	_exit(0);
}

/* Blocked from the supervisor's start on, so that no SIGTERM comes too early. */
static void end_at_sigterm(void)
{
	struct sigaction action = { .sa_handler = end };
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	if (sigaction(SIGTERM, &action, NULL) || sigprocmask(SIG_UNBLOCK, &term, NULL))
		fail("SIGTERM");
}

static _Noreturn void grow(size_t megabytes)
{
	struct timespec pause = { .tv_nsec = PAUSE_NS };
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	size_t size = megabytes * MEGABYTE, grown = 0;
	volatile char *file, *memory;
	struct stat facts;

	if (fd < 0 || fstat(fd, &facts))
		fail("/proc/self/exe");
	file = mmap(NULL, facts.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (file == MAP_FAILED || memory == MAP_FAILED)
		fail("mmap");
	prctl(PR_SET_NAME, "grower"); /* exec has named it as its file, a number */
	srandom(getpid());
	end_at_sigterm();
	for (;;) {
		for (int i = 0; i < STEP_PAGES && grown < size; i++, grown += PAGE)
			memory[grown] = 1;
		(void)file[random() % (facts.st_size / PAGE) * PAGE];
		nanosleep(&pause, NULL);
	}
}

static pid_t start(const char *directory, int programs, const char *megabytes)
{
	char path[256];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%ld", directory, random() % programs);
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "500", 3) != 3)
		_exit(1);
	execl(path, "grower", "grow", megabytes, NULL);
	_exit(1);
}

static int reap(void)
{
	int dead = 0;

	while (waitpid(-1, NULL, WNOHANG) > 0)
		dead++;
	return dead;
}

static int supervise(const char *directory, int programs, int processes, const char *megabytes)
{
	sigset_t signals;
	int alive = 0;

	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		fail("mlockall");
	if (setpgid(0, 0))
		fail("setpgid");
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	srandom(1);
	do {
		alive -= reap();
		while (alive < processes && start(directory, programs, megabytes) > 0)
			alive++;
	} while (sigwaitinfo(&signals, NULL) == SIGCHLD);
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "supervise"))
		return supervise(argv[2], atoi(argv[3]), atoi(argv[4]), argv[5]);
	if (argc == 3 && !strcmp(argv[1], "grow"))
		grow(strtoul(argv[2], NULL, 10));
	fprintf(stderr, "usage: thrash supervise DIRECTORY PROGRAMS PROCESSES MB | grow MB\n");
	return 2;
}

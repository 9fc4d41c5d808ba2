// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ktrace-agent: ktrace's probes on a machine without Python. It attaches, walks, follows modules,
 * counts losses and writes all of it raw; `ktrace COMMAND --from` decodes, elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "agent.h"

#define SECOND_NS 1000000000ULL
#define MODULE_CHECK_MS 200 /* what happens in a module before its probe is there is not seen */
#define LOOK_NS (10 * SECOND_NS)
#define HEAD_AGAIN_NS (60 * SECOND_NS) /* in pmsg, old bytes give way to new ones */

static volatile sig_atomic_t stop;

/* The first ends it in order; the second at once, when the output takes nothing. */
static void on_signal(int number)
{
	if (stop)
		_exit(1);
	stop = number;
}

static void listen_to_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* The OOM killer lets it be, from the beginning: the kernel takes megabytes to verify programs. */
static void refuse_oom_kill(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "-1000", 5) != 5)
		warn_reader("the OOM killer may kill the agent: %s", strerror(errno));
	close(fd);
}

/* Nothing of it waits for a disk that hangs. Not before all is attached, which takes memory for a
 * moment. */
static void lock_memory(void)
{
	malloc_trim(0);
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		warn_reader("the agent's memory is not locked: %s", strerror(errno));
}

static void __attribute__((noreturn)) usage(void)
{
	die("version %s, for ktrace COMMAND --from\n"
	    "usage: ktrace-agent [-o FILE | -l [ADDRESS:]PORT] [-b BTF] [-s] [-d SECONDS]\n"
	    "  -o  write to FILE, a serial port or /dev/pmsg0, not to stdout\n"
	    "  -l  write to whoever connects\n"
	    "  -b  the kernel's types, where it has no BTF of its own\n"
	    "  -s  do not send the types: the line is slow\n"
	    "  -d  trace for so many seconds",
	    agent_version);
}

static void trace(__u64 until, enum output_kind to, bool own_btf)
{
	__u64 next_walk = 0, next_look = 0, head_again = now_ns() + HEAD_AGAIN_NS;

	while (!stop && now_ns() < until) {
		wait_for_events(MODULE_CHECK_MS);
		follow_modules();
		if (killed_lately())
			next_look = 0;
		if (now_ns() >= next_walk) {
			next_walk = now_ns() + SECOND_NS;
			walk_tasks();
			send_counts();
			flush_output();
			sync_output();
		}
		if (now_ns() >= next_look) {
			next_look = now_ns() + LOOK_NS;
			send_memory_look();
		}
		if (to == TO_PMSG && now_ns() >= head_again) {
			head_again = now_ns() + HEAD_AGAIN_NS;
			send_head(false, own_btf);
			tell_probes();
			send_ready();
		}
		flush_output();
	}
	walk_tasks();
	send_counts();
	frame_text(FRAME_END, "%s", stop ? "stopped by a signal" : "its time is over");
	flush_output();
	sync_output();
}

/* In ns; what is none ends the agent. */
static __u64 duration(const char *seconds)
{
	char *end;
	double value = strtod(seconds, &end);

	if (*end || !(value > 0 && value < 1e9))
		usage();
	return value * SECOND_NS;
}

int main(int count, char **arguments)
{
	const char *path = NULL, *listen_at = NULL, *btf = NULL;
	bool send_types = true, own_btf;
	__u64 lasts = 0; /* ns; 0: until a signal */
	enum output_kind to;
	int option;

	/* large blocks are mapped, and unmapped when they are freed: types take megabytes */
	mallopt(M_MMAP_THRESHOLD, 64 << 10);
	while ((option = getopt(count, arguments, "o:l:b:sd:")) != -1) {
		if (option == 'o')
			path = optarg;
		else if (option == 'l')
			listen_at = optarg;
		else if (option == 'b')
			btf = optarg;
		else if (option == 's')
			send_types = false;
		else if (option == 'd')
			lasts = duration(optarg);
		else
			usage();
	}
	if (optind != count)
		usage();
	listen_to_signals();
	refuse_oom_kill();
	own_btf = open_types(btf);
	to = open_output(path, listen_at);
	attach_objects(SECOND_NS);
	open_events();
	check_types();
	lock_memory();
	send_head(send_types && (to == TO_FILE || to == TO_NETWORK), own_btf);
	tell_probes();
	send_ready();
	trace(lasts ? now_ns() + lasts : ~0ULL, to, own_btf);
	return 0;
}

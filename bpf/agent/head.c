// SPDX-License-Identifier: GPL-2.0-or-later
/* What the decoder needs to know of the board, and looks at its memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "agent.h"

#define OWN_BTF "/sys/kernel/btf/vmlinux"
#define MOST_WARNINGS 4

static char warnings[MOST_WARNINGS][160];
static int warned;

__u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

ssize_t read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t held = 0;
	ssize_t length = -1;

	text[0] = '\0';
	if (fd < 0)
		return -1;
	/* /proc gives a page at a time */
	while (held < size - 1 && (length = read(fd, text + held, size - 1 - held)) > 0)
		held += length;
	close(fd);
	text[held] = '\0';
	return held || !length ? (ssize_t)held : -1;
}

void warn_reader(const char *format, ...)
{
	va_list arguments;

	if (warned == MOST_WARNINGS)
		return;
	va_start(arguments, format);
	vsnprintf(warnings[warned++], sizeof(warnings[0]), format, arguments);
	va_end(arguments);
}

/* In pieces, so that no file has to fit into memory. What cannot be read is not sent. */
void send_file(const char *path, const char *name)
{
	static char piece[16384];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return;
	while ((length = read(fd, piece, sizeof(piece))) > 0)
		frame_of(FRAME_FILE, name, strlen(name) + 1, piece, length);
	close(fd);
}

static void send_format(const char *event, const char *name)
{
	static const char *const mounts[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	char path[160];

	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/events/%s/format", mounts[i], event);
		if (!access(path, R_OK)) {
			send_file(path, name);
			return;
		}
	}
}

/* The GNU build id of the kernel, which names its vmlinux and so its types: ELF notes. */
static void build_id(char *hex, size_t size)
{
	struct {
		__u32 name_size, size, type;
	} note;
	char notes[4096];
	ssize_t length = read_text("/sys/kernel/notes", notes, sizeof(notes));

	hex[0] = '\0';
	for (ssize_t at = 0; at + (ssize_t)sizeof(note) <= length;) {
		memcpy(&note, notes + at, sizeof(note));
		at += sizeof(note) + ((note.name_size + 3) & ~3U);
		if (note.type == 3 && note.size * 2 < size && at + (ssize_t)note.size <= length) {
			for (__u32 i = 0; i < note.size; i++)
				sprintf(hex + 2 * i, "%02x", (unsigned char)notes[at + i]);
			return;
		}
		at += (note.size + 3) & ~3U;
	}
}

void send_head(bool with_btf, bool own_btf)
{
	size_t functions = read_symbols();
	char boot[64], id[64], wall[32], lines[2048];
	time_t seconds = time(NULL);
	struct utsname name;
	int length;

	uname(&name);
	build_id(id, sizeof(id));
	read_text("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	boot[strcspn(boot, "\n")] = '\0';
	strftime(wall, sizeof(wall), "%Y-%m-%dT%H:%M:%SZ", gmtime(&seconds));
	length = snprintf(lines, sizeof(lines),
			  "agent %s\nwire %s\nhost %s\nrelease %s\nmachine %s\nboot_id %s\n"
			  "build_id %s\nbtf %s\npage_size %ld\nword_size %u\nticks %ld\n"
			  "functions %zu\nfrozen %d\nt %llu\nwall %s\n",
			  agent_version, wire_id, name.nodename, name.release, name.machine, boot,
			  id, own_btf ? "kernel" : "file", sysconf(_SC_PAGESIZE), word_digits() / 2,
			  sysconf(_SC_CLK_TCK), functions, kernel_has_frozen(),
			  (unsigned long long)now_ns(), wall);
	for (int i = 0; i < warned; i++)
		length += snprintf(lines + length, sizeof(lines) - length, "warning %s\n",
				   warnings[i]);
	frame(FRAME_HEAD, lines, length);
	send_format("sched/sched_switch", "sched_switch");
	send_format("kmem/mm_page_alloc", "mm_page_alloc");
	send_file("/proc/modules", "modules");
	send_file("/proc/cmdline", "cmdline");
	if (with_btf)
		send_file(own_btf ? OWN_BTF : types_path(), "btf");
}

void send_memory_look(void)
{
	__u64 t = now_ns();

	send_file("/proc/meminfo", "meminfo");
	send_file("/proc/vmstat", "vmstat");
	send_file("/proc/zoneinfo", "zoneinfo");
	send_file("/proc/pressure/memory", "pressure/memory");
	frame(FRAME_LOOK, &t, sizeof(t));
}

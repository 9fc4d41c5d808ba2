// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names of addresses. All of /proc/kallsyms would take megabytes of memory here, and minutes on a
 * serial line: it is read through when an event has addresses that nobody has asked for yet, and
 * the names of those are sent.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "agent.h"

#define MOST_KNOWN 4096
#define MOST_WANTED 512
#define LONGEST_FUNCTION 65536 /* as in ktrace/kernel/symbols.py */

struct range {
	__u64 start, end;
};

static struct range known[MOST_KNOWN]; /* sorted; names for these were sent */
static int known_count;

static struct {
	__u64 address, start, end;
	char name[120];
} wanted[MOST_WANTED];
static int wanted_count;

static __u64 lowest, highest; /* of functions */
static size_t functions;
static bool has_frozen;
static unsigned int digits;
static __u32 modules;

/* Calls seen() for each function, in the order of the file: "c0008000 T stext", or "bf000000 t
 * name\t[module]". An address of 0 is one that the kernel hides. */
static void each_function(void (*seen)(__u64 address, const char *name))
{
	static char text[16384];
	int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	size_t held = 0;
	ssize_t length;

	while (fd >= 0 && (length = read(fd, text + held, sizeof(text) - 1 - held)) > 0) {
		char *line = text, *end;

		held += length;
		text[held] = '\0';
		for (; (end = memchr(line, '\n', text + held - line)); line = end + 1) {
			char *name;
			__u64 address = strtoull(line, &name, 16);

			*end = '\0';
			digits = name - line;
			if (address && name[0] == ' ' && strchr("tTwW", name[1]) &&
			    name[2] == ' ' && name[3] != '$' && strncmp(name + 3, "__pfx_", 6))
				seen(address, name + 3);
		}
		held = text + held - line;
		memmove(text, line, held);
	}
	if (fd >= 0)
		close(fd);
}

static void note_range(__u64 address, const char *name)
{
	functions++;
	if (address < lowest)
		lowest = address;
	if (address > highest)
		highest = address;
	if (!strcmp(name, "frozen"))
		has_frozen = true;
}

size_t read_symbols(void)
{
	lowest = ~0ULL;
	highest = functions = known_count = 0;
	has_frozen = false;
	each_function(note_range);
	return functions;
}

bool kernel_has_frozen(void)
{
	return has_frozen;
}

unsigned int word_digits(void)
{
	return digits;
}

/* How many known ranges begin at or below address */
static int known_below(__u64 address)
{
	int low = 0, high = known_count;

	while (low < high) {
		int middle = (low + high) / 2;

		if (known[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_known(__u64 address)
{
	int below = known_below(address);

	return below && address < known[below - 1].end;
}

static void learn(__u64 start, __u64 end)
{
	int at = known_below(start);

	if (is_known(start))
		return;
	memmove(known + at + 1, known + at, (known_count - at) * sizeof(known[0]));
	known[at] = (struct range){ start, end };
	known_count++;
}

void want_names(const __u64 *addresses, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bool asked = false;

		if (addresses[i] < lowest || addresses[i] > highest + LONGEST_FUNCTION ||
		    is_known(addresses[i]))
			continue;
		for (int j = 0; j < wanted_count && !asked; j++)
			asked = wanted[j].address == addresses[i];
		if (asked)
			continue;
		if (wanted_count == MOST_WANTED)
			send_names();
		memset(&wanted[wanted_count], 0, sizeof(wanted[0]));
		wanted[wanted_count++].address = addresses[i];
	}
}

static int by_address(const void *one, const void *other)
{
	const __u64 *a = one, *b = other;

	return *a < *b ? -1 : *a > *b;
}

/* The nearest function below each wanted address, and the nearest above it. Of several at one
 * address the last counts, as in ktrace/kernel/name_table.py. */
static void fit(__u64 address, const char *name)
{
	int low = 0, high = wanted_count;

	while (low < high) {
		int middle = (low + high) / 2;

		if (wanted[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < wanted_count && address >= wanted[low].start) {
		wanted[low].start = address;
		snprintf(wanted[low].name, sizeof(wanted[0].name), "%s", name);
	}
	if (low && (!wanted[low - 1].end || address < wanted[low - 1].end))
		wanted[low - 1].end = address;
}

/* fit() tells only the neighbours of each function: hand them on. */
static void spread(void)
{
	for (int i = 1; i < wanted_count; i++) {
		if (wanted[i].start < wanted[i - 1].start) {
			wanted[i].start = wanted[i - 1].start;
			memcpy(wanted[i].name, wanted[i - 1].name, sizeof(wanted[0].name));
		}
	}
	for (int i = wanted_count - 2; i >= 0; i--) {
		if (!wanted[i].end)
			wanted[i].end = wanted[i + 1].end;
	}
}

void send_names(void)
{
	static char lines[16384];
	size_t length = 0;

	if (!wanted_count)
		return;
	qsort(wanted, wanted_count, sizeof(wanted[0]), by_address);
	each_function(fit);
	spread();
	for (int i = 0; i < wanted_count; i++) {
		__u64 end = wanted[i].end ?: wanted[i].start + LONGEST_FUNCTION;

		if (!wanted[i].start || is_known(wanted[i].start))
			continue;
		if (known_count == MOST_KNOWN)
			known_count = 0; /* what is asked for again is sent again */
		learn(wanted[i].start, end);
		if (length + sizeof(wanted[0].name) + 48 > sizeof(lines)) {
			frame(FRAME_SYMBOLS, lines, length);
			length = 0;
		}
		length += sprintf(lines + length, "%llx %llx %s\n", wanted[i].start, end,
				  wanted[i].name);
	}
	if (length)
		frame(FRAME_SYMBOLS, lines, length);
	wanted_count = 0;
}

/* A module that came or went has moved names: begin anew. */
void check_modules(void)
{
	static char text[32768];
	ssize_t length = read_text("/proc/modules", text, sizeof(text));
	/* use counts change all the time, but not the number of characters before an address */
	__u32 now = 0;

	for (char *line = text; length > 0 && *line; line += strcspn(line, "\n") + 1) {
		char name[64], address[32];

		if (sscanf(line, "%63s %*s %*s %*s %*s %31s", name, address) == 2) {
			now = crc32(now, (void *)name, strlen(name));
			now = crc32(now, (void *)address, strlen(address));
		}
		if (!line[strcspn(line, "\n")])
			break;
	}
	if (modules && now != modules) {
		read_symbols();
		send_file("/proc/modules", "modules");
	}
	modules = now;
}

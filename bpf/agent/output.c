// SPDX-License-Identifier: GPL-2.0-or-later
/* Frames to stdout, a file, a serial port, /dev/pmsg0, or whoever connects. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <zlib.h>
#include "agent.h"

#define PMSG "/dev/pmsg0"

static unsigned char buffer[FRAME_PAYLOAD + sizeof(struct frame)];
static size_t buffered;
static int out = STDOUT_FILENO;
static bool is_file; /* whose bytes are in memory until they are synced */
static __u32 frames;

void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("ktrace-agent: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

/* Who has made it non-blocking is another process that has it open, too. */
static void wait_for_output(void)
{
	struct pollfd ready = { .fd = out, .events = POLLOUT };

	poll(&ready, 1, -1);
}

void flush_output(void)
{
	size_t at = 0;

	while (at < buffered) {
		ssize_t written = write(out, buffer + at, buffered - at);

		if (written < 0 && errno == EAGAIN)
			wait_for_output();
		else if (written < 0 && errno != EINTR)
			die("the output takes nothing: %s", strerror(errno));
		else if (written > 0)
			at += written;
	}
	buffered = 0;
}

void sync_output(void)
{
	if (is_file && fdatasync(out) && errno != EINTR)
		die("the output takes nothing: %s", strerror(errno));
}

static void put(const void *data, size_t length)
{
	memcpy(buffer + buffered, data, length);
	buffered += length;
}

void frame_of(enum frame_type type, const void *first, size_t first_length, const void *rest,
	      size_t length)
{
	struct frame head = { .magic = FRAME_MAGIC, .type = type };
	size_t total = first_length + length;

	if (total > FRAME_PAYLOAD)
		die("a frame of %zu bytes", total);
	head.number = frames++;
	head.length = total;
	head.head_crc = crc32(0, (void *)&head.number, 3 * sizeof(__u32));
	head.crc = crc32(head.head_crc, first, first_length);
	if (length) /* zlib's begins anew at a null pointer */
		head.crc = crc32(head.crc, rest, length);
	if (buffered + sizeof(head) + total > sizeof(buffer))
		flush_output();
	put(&head, sizeof(head));
	put(first, first_length);
	put(rest, length);
}

void frame(enum frame_type type, const void *payload, size_t length)
{
	frame_of(type, payload, length, "", 0);
}

void frame_text(enum frame_type type, const char *format, ...)
{
	char text[1024];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length >= (int)sizeof(text))
		length = sizeof(text) - 1;
	frame(type, text, length);
}

/* Bytes as they are; the port keeps its speed. */
static void make_raw(int fd)
{
	struct termios modes;

	if (tcgetattr(fd, &modes))
		return;
	cfmakeraw(&modes);
	modes.c_cflag |= CLOCAL;
	tcsetattr(fd, TCSANOW, &modes);
}

/* at: [ADDRESS:]PORT; without an address, only this machine can connect. Waits for one reader. */
static int accept_reader(const char *at)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	const char *colon = strrchr(at, ':');
	char host[32] = "127.0.0.1";
	int one = 1, listener, connection;

	if (colon)
		snprintf(host, sizeof(host), "%.*s", (int)(colon - at), at);
	address.sin_port = htons(atoi(colon ? colon + 1 : at));
	if (!address.sin_port || inet_pton(AF_INET, host, &address.sin_addr) != 1)
		die("%s is not [ADDRESS:]PORT", at);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (listener < 0 || bind(listener, (void *)&address, sizeof(address)) ||
	    listen(listener, 1))
		die("cannot listen on %s: %s", at, strerror(errno));
	connection = accept(listener, NULL, NULL);
	if (connection < 0)
		die("nobody connects: %s", strerror(errno));
	close(listener);
	setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(connection, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	return connection;
}

enum output_kind open_output(const char *path, const char *listen_at)
{
	struct stat facts;

	if (listen_at) {
		out = accept_reader(listen_at);
		return TO_NETWORK;
	}
	if (path) {
		out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0600);
		if (out < 0)
			die("cannot write %s: %s", path, strerror(errno));
	}
	is_file = !fstat(out, &facts) && S_ISREG(facts.st_mode);
	if (!isatty(out))
		return path && !strcmp(path, PMSG) ? TO_PMSG : TO_FILE;
	if (!path)
		die("a terminal cannot show what is written: pipe it to ktrace, or use -o");
	make_raw(out);
	return TO_SERIAL;
}

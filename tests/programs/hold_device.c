// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hold_device INTERFACE
 *
 * Sends a packet there from a page that nobody fills (userfaultfd watches it): packet_snd() of
 * net/packet/af_packet.c sleeps in the page fault with a reference to the device. Prints "ready"
 * just before.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>

#include "watched_page.h"

enum { FRAME = 64 };

int main(int argc, char **argv)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	void *page;
	int fd;

	if (argc != 2)
		return 2;
	to.sll_ifindex = if_nametoindex(argv[1]);
	to.sll_halen = ETH_ALEN;
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0 || !to.sll_ifindex)
		fail(argv[1]);
	page = watched_page();
	puts("ready");
	fflush(stdout);
	return sendto(fd, page, FRAME, 0, (struct sockaddr *)&to, sizeof(to)) != FRAME;
}

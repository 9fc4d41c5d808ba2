/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ktrace-agent writes: frames, each a struct frame and its payload. ktrace/sources/agent/
 * reads them. Byte order and word size are the board's; FRAME_MAGIC and HEAD tell which.
 */
#ifndef KTRACE_AGENT_FRAMES_H
#define KTRACE_AGENT_FRAMES_H

#include <linux/types.h>

#define FRAME_MAGIC 0x6741746bU /* "ktAg" in little endian */
#define FRAME_PAYLOAD 32768U /* bytes at most */

struct frame {
	__u32 magic;
	__u32 number; /* counts from 0: a gap is a loss */
	__u32 type; /* enum frame_type */
	__u32 length; /* of the payload */
	__u32 head_crc; /* CRC-32, as of zlib, of number, type and length */
	__u32 crc; /* the same, and of the payload */
};

enum frame_type {
	FRAME_HEAD = 1, /* lines "name value": a new beginning, all before is forgotten */
	FRAME_FILE, /* its name, NUL, a piece of its text */
	FRAME_PROBE, /* lines: function, hook, state, why */
	FRAME_READY, /* __u64 attaching_t, attached_t: all is said that events need */
	FRAME_EVENT, /* a struct of bpf/events.h */
	FRAME_STACK, /* /proc/TID/stack of the event that follows */
	FRAME_SYMBOLS, /* lines "start end name [module]", of addresses in events that follow */
	FRAME_WALK, /* __u64 started_t, ended_t, complete: what came before belongs to it */
	FRAME_LOST, /* __u64 for each enum event_kind, since the start */
	FRAME_COUNTS, /* struct oom_domain_key, oom_domain_counts, and oom_caller_counts */
	FRAME_LOOK, /* __u64 t: /proc/meminfo and others were read, the FRAME_FILEs before it */
	FRAME_END, /* why it ends */
};

#endif

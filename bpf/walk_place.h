/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a walk of walk.bpf.h is: kept in a map from one of its rounds to the next. */
#ifndef KTRACE_WALK_PLACE_H
#define KTRACE_WALK_PLACE_H

struct walk_place {
	__u64 first; /* the leader where it began; 0: begin */
	__u64 leader;
	__u64 task;
	__u64 tasks;
	__u64 done; /* 0 at the end: too many tasks for MAX_TAIL_CALL_CNT rounds */
};

#endif

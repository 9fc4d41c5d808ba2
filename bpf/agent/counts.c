// SPDX-License-Identifier: GPL-2.0-or-later
/* What BPF counts: events that were lost, and calls that the OOM killer gets by the thousand. */
#include <bpf/bpf.h>
#include <string.h>
#include "agent.h"

#define MOST_DOMAINS 16
#define MOST_CALLERS 512 /* as of the map */
#define TOLD_CALLERS 8
#define FORGET_NS 60000000000ULL

static __u64 lost[EVENT_KINDS];
static struct {
	struct oom_domain_key key;
	__u64 calls;
} told[MOST_DOMAINS];

static void send_losses(void)
{
	__u64 now[EVENT_KINDS] = { 0 };

	for (__u32 kind = 0; kind < EVENT_KINDS; kind++)
		bpf_map_lookup_elem(map_fd("lost"), &kind, &now[kind]);
	if (memcmp(now, lost, sizeof(lost)))
		frame(FRAME_LOST, now, sizeof(now));
	memcpy(lost, now, sizeof(lost));
}

/* Those that called lately, in no order: the reader sorts them. */
static void send_domain(const struct oom_domain_key *key, const struct oom_domain_counts *counts)
{
	static struct {
		struct oom_domain_key key;
		struct oom_domain_counts counts;
		struct oom_caller_counts callers[TOLD_CALLERS];
	} message;
	_Static_assert(sizeof(message) <= FRAME_PAYLOAD, "is one frame");
	struct oom_caller_key caller, *last = NULL;
	int callers = map_fd("oom_callers"), found = 0;

	message.key = *key;
	message.counts = *counts;
	for (int i = 0; i < MOST_CALLERS && found < TOLD_CALLERS; i++) {
		struct oom_caller_counts *at = &message.callers[found];

		if (bpf_map_get_next_key(callers, last, &caller))
			break;
		last = &caller;
		if (caller.cgroup != key->cgroup || caller.call != key->call ||
		    bpf_map_lookup_elem(callers, &caller, at) ||
		    at->last_t + 2000000000ULL <= counts->last_t)
			continue;
		want_names(at->stack, at->stack_len % (STACK_LEN + 1));
		found++;
	}
	send_names();
	frame(FRAME_COUNTS, &message,
	      sizeof(message) - (TOLD_CALLERS - found) * sizeof(message.callers[0]));
}

/* Where it is kept what was told of a domain; NULL: there are too many */
static __u64 *told_of(const struct oom_domain_key *key)
{
	int room = -1;

	for (int i = 0; i < MOST_DOMAINS; i++) {
		if (told[i].calls && !memcmp(&told[i].key, key, sizeof(*key)))
			return &told[i].calls;
		if (!told[i].calls)
			room = i;
	}
	if (room < 0)
		return NULL;
	told[room].key = *key;
	return &told[room].calls;
}

/* Make room for other domains, after the time that ktrace itself takes (FORGET_S). */
static void forget(const struct oom_domain_key *key)
{
	__u64 *known = told_of(key);

	bpf_map_delete_elem(map_fd("oom_domains"), key);
	if (known)
		*known = 0;
}

void send_counts(void)
{
	struct oom_domain_key key, *last = NULL;
	static struct oom_domain_counts counts;
	int domains = map_fd("oom_domains");

	send_losses();
	for (int i = 0; domains >= 0 && i < 256; i++) {
		__u64 *known;

		if (bpf_map_get_next_key(domains, last, &key))
			break;
		last = &key;
		if (bpf_map_lookup_elem(domains, &key, &counts))
			continue;
		if (counts.last_t + FORGET_NS < now_ns()) {
			forget(&key);
			continue;
		}
		known = told_of(&key);
		if (known && counts.calls <= *known)
			continue;
		if (known)
			*known = counts.calls;
		send_domain(&key, &counts);
	}
}

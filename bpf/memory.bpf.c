// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kernel memory on demand: user space asks for pieces by address, this program copies them.
 *
 * It is attached to nothing: BPF_PROG_TEST_RUN runs it (raw_tp programs since v5.10,
 * 1b4d60ec162f), so it costs only when somebody asks. The requests lie in an array that user
 * space maps. A read of memory that is gone faults and is answered with an error.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include "memory_reads.h"

const struct memory_read *unused_memory_read __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MEMORY_READS);
	__type(key, __u32);
	__type(value, struct memory_read);
} memory_reads SEC(".maps");

SEC("raw_tp")
int read_memory(void *ctx)
{
	for (__u32 i = 0; i < MEMORY_READS; i++) {
		__u32 key = i;
		struct memory_read *read = bpf_map_lookup_elem(&memory_reads, &key);
		__u32 size;

		if (!read || !read->size)
			break;
		/*
		 * 1 to 256 stay what they are, without a branch: two paths in each of 64 rounds
		 * cost the verifier 28 000 instructions and each start of ktrace 25 ms.
		 */
		size = ((read->size - 1) & (MEMORY_READ_BYTES - 1)) + 1;
		read->error = bpf_probe_read_kernel(read->data, size, (void *)read->address);
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";

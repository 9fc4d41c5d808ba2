/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernels whose pointers and longs have 4 bytes. BPF's have 8, and BPF_CORE_READ() of libbpf copies
 * as many bytes as BPF's type has: here it copies what the member has in the kernel's BTF. Compiled
 * for 32-bit targets only, so it costs others nothing. Included after bpf_core_read.h.
 *
 * Only BPF_CORE_READ() and read_word() know of this: such a kernel's memory is not to be read as C
 * reads it.
 */
#ifndef KTRACE_WORD_SIZE_H
#define KTRACE_WORD_SIZE_H

#if defined(__TARGET_ARCH_arm)

#define KERNEL_WORD 4 /* bytes */

#define has_type(value, type) __builtin_types_compatible_p(typeof(value), type)
#define is_signed(value) (has_type(value, long) || has_type(value, long long))

#undef ___read
#define ___read(read_fn, to, type, from, member) read_by_##read_fn(to, ((type)(from))->member)

/* The low bytes of a zeroed target, these kernels are little endian; a negative long stays so. */
#define read_by_bpf_core_read(to, member)                                                         \
	({                                                                                        \
		const void *___at = __builtin_preserve_access_index(&(member));                   \
		__u32 ___size = sizeof(*(to));                                                    \
		long ___error;                                                                    \
		if (___size == 8) {                                                               \
			___size = bpf_core_field_size(member);                                    \
			*(__u64 *)(to) = 0;                                                       \
		}                                                                                 \
		___error = bpf_probe_read_kernel((void *)(to), ___size > 8 ? 8 : ___size, ___at); \
		if (sizeof(*(to)) == 8 && is_signed(member) && ___size == KERNEL_WORD)            \
			*(__s64 *)(to) = *(__s32 *)(to);                                          \
		___error;                                                                         \
	})

#define read_by_bpf_core_read_str(to, member)                  \
	bpf_probe_read_kernel_str((void *)(to), sizeof(*(to)), \
				  __builtin_preserve_access_index(&(member)))

#else
#define KERNEL_WORD 8
#endif

/* The greatest value of a pointer */
#define WORD_MAX (~0ULL >> (64 - 8 * KERNEL_WORD))

/* A pointer or unsigned long; 0 where nothing can be read */
static __always_inline __u64 read_word(const void *at)
{
	__u64 word = 0;

	bpf_probe_read_kernel(&word, KERNEL_WORD, at);
	return word;
}

#endif

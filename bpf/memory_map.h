/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the kernel's own addresses are in physical memory.
 *
 * x86-64: the mem_map is one array at vmemmap_base (include/asm-generic/memory_model.h,
 * CONFIG_SPARSEMEM_VMEMMAP), its pages are mapped by init_top_pgt, and page tables are read
 * through the direct map at page_offset_base (Documentation/arch/x86/x86_64/mm.rst). The symbols
 * are weak: where the kernel has none of the name, or hides addresses (kptr_restrict=2), they are
 * NULL and the answer is "not known". So it is on every other architecture.
 */
#ifndef KTRACE_MEMORY_MAP_H
#define KTRACE_MEMORY_MAP_H

#define PFN_UNKNOWN (-1LL)
#define PHYS_UNKNOWN 0ULL

#if defined(__TARGET_ARCH_x86)

extern const void vmemmap_base __ksym __weak;
extern const void page_offset_base __ksym __weak;
extern const void init_top_pgt __ksym __weak;
/* The number of levels, by either: __pgtable_l5_enabled went when pgtable_l5_enabled() became a
 * question about the CPU's features; pgdir_shift is 39 or 48 */
extern const void __pgtable_l5_enabled __ksym __weak;
extern const void pgdir_shift __ksym __weak;
/* the encryption bit in page table entries (AMD SME), 0 where there is none */
extern const void sme_me_mask __ksym __weak;

#define ENTRY_PRESENT 1ULL
#define ENTRY_HUGE (1ULL << 7) /* _PAGE_PSE: this entry maps 2 MiB or 1 GiB */
#define ENTRY_ADDRESS 0x000ffffffffff000ULL /* PHYSICAL_PAGE_MASK of 52 address bits */
#define PAGE_SHIFT 12
#define LEVEL_BITS 9

static __always_inline __u64 read_u64(const void *at)
{
	__u64 value = 0;

	if (at)
		bpf_probe_read_kernel(&value, sizeof(value), at);
	return value;
}

static __always_inline __u32 read_u32(const void *at)
{
	__u32 value = 0;

	if (at)
		bpf_probe_read_kernel(&value, sizeof(value), at);
	return value;
}

static __always_inline __s64 page_to_pfn(struct page *page)
{
	__u64 base = read_u64(&vmemmap_base);

	if (!base || (__u64)page < base || !bpf_core_type_exists(struct page))
		return PFN_UNKNOWN;
	return ((__u64)page - base) / bpf_core_type_size(struct page);
}

/* 0: not known */
static __always_inline int page_table_levels(void)
{
	if (&pgdir_shift)
		return read_u32(&pgdir_shift) > PAGE_SHIFT + 3 * LEVEL_BITS ? 5 : 4;
	if (&__pgtable_l5_enabled)
		return read_u32(&__pgtable_l5_enabled) ? 5 : 4;
	return 0;
}

/* The entry for address in the table of that level (5 or 4 down to 1); 0 when it cannot be read. */
static __always_inline __u64 table_entry(__u64 table, __u64 address, int level)
{
	__u32 shift = PAGE_SHIFT + LEVEL_BITS * (level - 1);
	__u64 index = (address >> shift) & ((1 << LEVEL_BITS) - 1);

	return read_u64((void *)(table + index * sizeof(__u64)));
}

static __always_inline __u64 kernel_to_phys(__u64 address)
{
	__u64 direct_map = read_u64(&page_offset_base);
	__u64 encryption = read_u64(&sme_me_mask);
	__u64 table = (__u64)&init_top_pgt;
	int levels = page_table_levels();

	if (!direct_map || !table || !levels)
		return PHYS_UNKNOWN;
	for (int level = 5; level >= 1; level--) {
		__u64 offset = (1ULL << (PAGE_SHIFT + LEVEL_BITS * (level - 1))) - 1;
		__u64 entry, target;

		if (level > levels)
			continue;
		entry = table_entry(table, address, level);
		if (!(entry & ENTRY_PRESENT))
			return PHYS_UNKNOWN;
		target = entry & ENTRY_ADDRESS & ~encryption;
		if (level == 1 || (level <= 3 && (entry & ENTRY_HUGE)))
			return (target & ~offset) | (address & offset);
		table = direct_map + target;
	}
	return PHYS_UNKNOWN;
}

#else

static __always_inline __s64 page_to_pfn(struct page *page)
{
	return PFN_UNKNOWN;
}

static __always_inline __u64 kernel_to_phys(__u64 address)
{
	return PHYS_UNKNOWN;
}

#endif
#endif

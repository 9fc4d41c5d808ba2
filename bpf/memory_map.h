/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the kernel's own addresses are in physical memory.
 *
 * The mem_map is one array (include/asm-generic/memory_model.h, CONFIG_SPARSEMEM_VMEMMAP), its
 * pages are mapped by the kernel's page tables, and these are read through the direct map.
 *
 * x86-64: at vmemmap_base, by init_top_pgt, at page_offset_base (Documentation/arch/x86/x86_64/
 * mm.rst). The symbols are weak: where the kernel has none of the name, or hides addresses
 * (kptr_restrict=2), they are NULL and the answer is "not known".
 *
 * arm64 (arch/arm64/include/asm/memory.h): user space finds the places in the kernel's vmcoreinfo,
 * as kallsyms need not have variables, and sets them; va_bits is 0 where they are not known.
 *
 * On every other architecture the answer is "not known".
 */
#ifndef KTRACE_MEMORY_MAP_H
#define KTRACE_MEMORY_MAP_H

#define PFN_UNKNOWN (-1LL)
#define PHYS_UNKNOWN 0ULL

#define PAGE_SHIFT 12
#define LEVEL_BITS 9

#if defined(__TARGET_ARCH_x86) || defined(__TARGET_ARCH_arm64)

static __always_inline __u64 read_u64(const void *at)
{
	__u64 value = 0;

	if (at)
		bpf_probe_read_kernel(&value, sizeof(value), at);
	return value;
}

#endif

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

static __always_inline __u64 top_table(void)
{
	return (__u64)&init_top_pgt;
}

/* 0: not known */
static __always_inline __u64 direct_map(void)
{
	return read_u64(&page_offset_base);
}

static __always_inline bool maps_memory(__u64 entry, int level)
{
	return level == 1 || (level <= 3 && (entry & ENTRY_HUGE));
}

static __always_inline __u64 entry_address(__u64 entry)
{
	return entry & ENTRY_ADDRESS & ~read_u64(&sme_me_mask);
}

#elif defined(__TARGET_ARCH_arm64)

const volatile __u32 va_bits = 0; /* 39 or 48, of a kernel with pages of 4 KiB */
const volatile __u64 vmemmap_start = 0; /* the struct page of the memory at phys_offset */
const volatile __u64 phys_offset = 0;
const volatile __u64 swapper_pg_dir = 0;

/* arch/arm64/include/asm/pgtable-hwdef.h */
#define ENTRY_PRESENT 1ULL /* PTE_VALID */
#define ENTRY_TABLE 2ULL /* PMD_TABLE_BIT; without it an entry above level 1 maps memory */
#define ENTRY_ADDRESS 0x0000fffffffff000ULL /* PTE_ADDR_LOW */

static __always_inline __s64 page_to_pfn(struct page *page)
{
	if (!va_bits || (__u64)page < vmemmap_start || !bpf_core_type_exists(struct page))
		return PFN_UNKNOWN;
	return (phys_offset >> PAGE_SHIFT) +
	       ((__u64)page - vmemmap_start) / bpf_core_type_size(struct page);
}

static __always_inline int page_table_levels(void)
{
	return va_bits ? (va_bits - PAGE_SHIFT) / LEVEL_BITS : 0;
}

static __always_inline __u64 top_table(void)
{
	return swapper_pg_dir;
}

/* PAGE_OFFSET is the lowest address; what is there is the memory at phys_offset */
static __always_inline __u64 direct_map(void)
{
	return -(1ULL << va_bits) - phys_offset;
}

static __always_inline bool maps_memory(__u64 entry, int level)
{
	return level == 1 || !(entry & ENTRY_TABLE);
}

static __always_inline __u64 entry_address(__u64 entry)
{
	return entry & ENTRY_ADDRESS;
}

#endif

#if defined(__TARGET_ARCH_x86) || defined(__TARGET_ARCH_arm64)

/* The entry for address in the table of that level (5 or 4 down to 1); 0 when it cannot be read. */
static __always_inline __u64 table_entry(__u64 table, __u64 address, int level)
{
	__u32 shift = PAGE_SHIFT + LEVEL_BITS * (level - 1);
	__u64 index = (address >> shift) & ((1 << LEVEL_BITS) - 1);

	return read_u64((void *)(table + index * sizeof(__u64)));
}

static __always_inline __u64 kernel_to_phys(__u64 address)
{
	__u64 direct = direct_map();
	__u64 table = top_table();
	int levels = page_table_levels();

	if (!direct || !table || !levels)
		return PHYS_UNKNOWN;
	for (int level = 5; level >= 1; level--) {
		__u64 offset = (1ULL << (PAGE_SHIFT + LEVEL_BITS * (level - 1))) - 1;
		__u64 entry;

		if (level > levels)
			continue;
		entry = table_entry(table, address, level);
		if (!(entry & ENTRY_PRESENT))
			return PHYS_UNKNOWN;
		if (maps_memory(entry, level))
			return (entry_address(entry) & ~offset) | (address & offset);
		table = direct + entry_address(entry);
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

"""Where in physical memory a struct page of a kernel log lies, if its address tells."""

from dataclasses import dataclass

# arch/x86/Kconfig: PAGE_OFFSET with VMSPLIT_3G, the default; lowmem ends where vmalloc begins,
# 896 MiB (MAXMEM) at most. Within it physical = virtual - PAGE_OFFSET (__pa()).
PAGE_OFFSET_I386 = 0xC0000000
LOWMEM_I386 = 896 << 20
# v4.15, ad67b74d2469 "printk: hash addresses printed with %p"
_HASHED_SINCE = (4, 15)
_KERNEL_HALF = 0xFFFF << 48  # a hashed pointer has zeros there (lib/vsprintf.c, ptr_to_id())
_SIZES = range(32, 72, 4)  # of struct page, 32 bits


@dataclass(frozen=True, slots=True)
class StructPage:
    """Addresses as hexadecimal strings, None where the log does not give them."""

    virtual: str | None
    physical: str | None


def lowmem_page(
    printed: str | None, pfn: int | None, release: tuple[int, ...], old: bool
) -> StructPage:
    """What a printed address means.

    old: the report has the form from before hashing. A 64-bit vmemmap is mapped page by page: only
    a page-table walk finds the physical address.
    """
    if not printed:
        return StructPage(None, None)
    address = int(printed, 16)
    if len(printed) > 8:
        return StructPage(hex(address) if address & _KERNEL_HALF == _KERNEL_HALF else None, None)
    believed = release < _HASHED_SINCE if release else old
    if not believed and mem_map(address, pfn) is None:
        return StructPage(None, None)
    offset = address - PAGE_OFFSET_I386
    in_lowmem = 0 <= offset < LOWMEM_I386
    return StructPage(hex(address), hex(offset) if in_lowmem else None)


def mem_map(page: int, pfn: int | None) -> int | None:
    """Where mem_map begins if page is the struct page of pfn: it is page aligned (FLATMEM)."""
    if pfn is None:
        return None
    starts = (page - size * pfn for size in _SIZES)
    return next((start for start in starts if start > 0 and start % 4096 == 0), None)

"""Where in physical memory a struct page of a kernel log lies, if its address tells."""

import re
from functools import lru_cache

from ktrace.record import record

# arch/x86/Kconfig: PAGE_OFFSET with VMSPLIT_3G, the default; lowmem ends where vmalloc begins,
# 896 MiB (MAXMEM) at most. Within it physical = virtual - PAGE_OFFSET (__pa()). On other
# architectures RAM begins elsewhere: on ARM at 0x80000000, for example.
PAGE_OFFSET_I386 = 0xC0000000
LOWMEM_I386 = 896 << 20
# v4.15, ad67b74d2469 "printk: hash addresses printed with %p"
HASHED_SINCE = (4, 15)
_KERNEL_HALF = 0xFFFF << 48  # a hashed pointer has zeros there (lib/vsprintf.c, ptr_to_id())
# What only 32-bit x86 prints: registers (show_regs()), the firmware's map, symbols of its entry
# code (arch/x86/kernel/entry_32.S, arch/x86/entry/entry_32.S)
_X86 = re.compile(
    r"\bEIP: [0-9a-f]{4}:|\bEAX: [0-9a-f]{8} EBX:|\bBIOS-e820\b|\be820: |\bi[3-6]86\b"
    r"|\b(?:sysenter_do_call|sysenter_past_esp|sysenter_exit|error_code|resume_userspace"
    r"|syscall_call|entry_SYSENTER_32|entry_INT80_32|do_fast_syscall_32|do_int80_syscall_32"
    r"|common_exception)(?:\+0x|$)"
)


@record
class StructPage:
    """Addresses as hexadecimal strings, None where the log does not give them."""

    virtual: str | None
    physical: str | None


@lru_cache(maxsize=1 << 10)
def tells_i386(text: str) -> bool:
    """Whether this line of a log is evidence of 32-bit x86."""
    return bool(_X86.search(text))


def struct_page(printed: str | None, release: tuple[int, ...], old: bool, i386: bool) -> StructPage:
    """What a printed address means.

    old: the report has the form from before hashing. i386: the log has evidence of that. A 64-bit
    vmemmap is mapped page by page: only a page-table walk finds the physical address.
    """
    if not printed:
        return StructPage(None, None)
    address = int(printed, 16)
    if not is_real(address, len(printed) > 8, release, old):
        return StructPage(None, None)
    offset = address - PAGE_OFFSET_I386
    known = i386 and len(printed) <= 8 and 0 <= offset < LOWMEM_I386
    return StructPage(hex(address), hex(offset) if known else None)


def is_real(value: int, wide: bool, release: tuple[int, ...], old: bool) -> bool:
    """Whether a pointer that is not NULL was printed as it is, not as a hash. wide: of 64 bits."""
    if wide and value & _KERNEL_HALF == _KERNEL_HALF:
        return True
    return not wide and (release < HASHED_SINCE if release else old)

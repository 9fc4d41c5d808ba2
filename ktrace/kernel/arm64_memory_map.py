"""Where an arm64 kernel has its mem_map and page tables: arch/arm64/include/asm/memory.h."""

import os
from collections.abc import Mapping

from ktrace.kernel.vmcoreinfo import vmcoreinfo

_PAGE_BYTES = "4096"
_VA_BITS = (39, 48)  # with more, page table entries have addresses in another form


def memory_map_knobs() -> dict[str, int]:
    """For bpf/memory_map.h; empty on other machines."""
    return knobs_of(vmcoreinfo()) if os.uname().machine == "aarch64" else {}


def knobs_of(info: Mapping[str, str]) -> dict[str, int]:
    """Empty where it is not known: VMEMMAP_START is told since v5.18, or the pages are larger."""
    try:
        va_bits = int(info["NUMBER(VA_BITS)"])
        found = {
            "va_bits": va_bits,
            "vmemmap_start": int(info["NUMBER(VMEMMAP_START)"], 16),
            "phys_offset": int(info["NUMBER(PHYS_OFFSET)"], 16),
            "swapper_pg_dir": int(info["SYMBOL(swapper_pg_dir)"], 16),
        }
    except (KeyError, ValueError):
        return {}
    return found if info.get("PAGESIZE") == _PAGE_BYTES and va_bits in _VA_BITS else {}

"""Words of the running kernel's memory, from /proc/kcore (an ELF core file, fs/proc/kcore.c)."""

import struct

KCORE = "/proc/kcore"
HEADER = struct.Struct("<16sHHIQQQIHHHHHH")  # Elf64_Ehdr
SEGMENT = struct.Struct("<IIQQQQQQ")  # Elf64_Phdr
_PT_LOAD = 1


def read(address: int, size: int, path: str = KCORE) -> bytes | None:
    """Kernel memory at a virtual address; None where it may not be read (no privilege, lockdown,
    no CONFIG_PROC_KCORE) or the file does not have it."""
    try:
        with open(path, "rb", buffering=0) as core:
            offset = _offset_of(core.read(1 << 16), address, size)
            if offset is None:
                return None
            core.seek(offset)
            data = core.read(size)
    except (OSError, struct.error):
        return None
    return data if len(data) == size else None


def _offset_of(head: bytes, address: int, size: int) -> int | None:
    """Where in the file the segment that holds the address has it."""
    fields = HEADER.unpack_from(head)
    ident, table, width, count = fields[0], fields[5], fields[9], fields[10]
    if ident[:6] != b"\x7fELF\x02\x01":  # 64 bit, little endian
        return None
    for at in range(table, min(table + width * count, len(head) - SEGMENT.size + 1), width):
        kind, _, offset, start, _, _, length, _ = SEGMENT.unpack_from(head, at)
        if kind == _PT_LOAD and start <= address and address + size <= start + length:
            return int(offset + address - start)
    return None

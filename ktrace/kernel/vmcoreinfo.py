"""What the kernel notes about itself for crash dumps: a note of /proc/kcore.

kernel/crash_core.c and arch/*/kernel/crash_core.c write it, as lines NAME=VALUE, also where
/proc/kallsyms has no variables.
"""

import struct

from ktrace.kernel.kcore import HEADER, KCORE, SEGMENT

_PT_NOTE = 4
_NOTE = struct.Struct("<III")  # Elf64_Nhdr: sizes of name and content, type
_NAME = b"VMCOREINFO\0"
_MOST = 1 << 16  # bytes of headers and notes that are read


def vmcoreinfo(path: str = KCORE) -> dict[str, str]:
    """Its lines: {"SYMBOL(swapper_pg_dir)": "ffff800009d2d000", "PAGESIZE": "4096", ...}; empty
    where it cannot be read (no privilege, lockdown, no CONFIG_PROC_KCORE, before v4.19)."""
    try:
        with open(path, "rb", buffering=0) as core:
            head = core.read(_MOST)
        return _lines(_note(head))
    except (OSError, struct.error):
        return {}


def _note(head: bytes) -> bytes:
    fields = HEADER.unpack_from(head)
    ident, table, width, count = fields[0], fields[5], fields[9], fields[10]
    if ident[:6] != b"\x7fELF\x02\x01":  # 64 bit, little endian
        return b""
    for number in range(count):
        kind, _, at, _, _, size, *_ = SEGMENT.unpack_from(head, table + width * number)
        if kind == _PT_NOTE:
            return _content(head[at : at + size])
    return b""


def _content(notes: bytes) -> bytes:
    at = 0
    while at + _NOTE.size <= len(notes):
        named, sized, _ = _NOTE.unpack_from(notes, at)
        name = at + _NOTE.size
        content = name + _padded(named)
        if notes[name : name + named] == _NAME:
            return notes[content : content + sized]
        at = content + _padded(sized)
    return b""


def _padded(size: int) -> int:
    return (size + 3) & ~3


def _lines(text: bytes) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.decode("ascii", "replace").splitlines())
    return {name: value for name, _, value in pairs}

"""The unwind tables of a 32-bit ARM kernel and its modules, cut out of vmlinux and MODULE.ko.

Exception Handling ABI for the Arm Architecture (IHI 0038): an index has for each function its
address and where its unwind instructions are. ktrace/kernel/arm_unwind.py executes them.
"""

import json
import os
import struct
import zlib
from collections.abc import Iterator, Sequence

from ktrace.board.elf32 import ARM, FUNCTION, MAGIC, Elf32, Symbol
from ktrace.kernel.arm_unwind import FORMAT

_INDEX, _TABLE = ".ARM.unwind_idx", ".ARM.unwind_tab"  # arch/arm/include/asm/vmlinux.lds.h
_EXIDX = 0x70000001  # SHT_ARM_EXIDX
_PREL31 = 42  # R_ARM_PREL31
_CANNOT_UNWIND = 1
_INLINE = 1 << 31

Entry = tuple[int, bytes]  # a function's address, its instructions; empty: it ends here


def tables(vmlinux: str, modules: Sequence[str]) -> bytes | None:
    """None: no 32-bit ARM kernel, or one with frame pointers. Raises OSError, ValueError."""
    with open(vmlinux, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return None
        file.seek(0)
        kernel = Elf32(file.read())
    if kernel.machine != ARM or kernel.section(_INDEX) is None:
        return None
    described: dict[str, object] = {
        "format": FORMAT,
        "schedule": next(s.value for s in kernel.symbols if s.name == "__schedule"),
        "kernel": _described([*_of_kernel(kernel)]),
        "text": _text_range(kernel),
        "modules": {},
    }
    for path in modules:
        with open(path, "rb") as file:
            module = Elf32(file.read())
        name = os.path.basename(path).removesuffix(".ko").replace("-", "_")
        text = next(n for n, section in enumerate(module.sections) if section.name == ".text")
        functions = {s.name: s.value for s in module.symbols if _is_function(s, text)}
        entries = _described([*_of_module(module, text)])
        described["modules"][name] = {"functions": functions, **entries}  # type: ignore[index]
    return zlib.compress(json.dumps(described, separators=(",", ":")).encode(), 9)


def _described(entries: list[Entry]) -> dict[str, object]:
    """Addresses, and for each the index of its instructions, of which there are few."""
    entries.sort()
    kinds = {code: number for number, code in enumerate(dict.fromkeys(c for _, c in entries))}
    return {
        "at": [address for address, _ in entries],
        "uses": [kinds[code] for _, code in entries],
        "instructions": [code.hex() for code in kinds],
    }


def _text_range(kernel: Elf32) -> list[int]:
    found = {s.name: s.value for s in kernel.symbols if s.name in ("_stext", "_etext")}
    return [found.get("_stext", 0), found.get("_etext", 0)]


def _of_kernel(kernel: Elf32) -> Iterator[Entry]:
    index, table = kernel.section(_INDEX), kernel.section(_TABLE)
    assert index is not None
    for at in range(0, len(index.data), 8):
        function, word = struct.unpack_from("<II", index.data, at)
        address = index.address + at
        if word == _CANNOT_UNWIND or word & _INLINE:
            code = _inline(word)
        elif table is not None:
            code = _instructions(table.data, _prel31(word, address + 4) - table.address)
        yield _prel31(function, address), code


def _of_module(module: Elf32, text: int) -> Iterator[Entry]:
    """Addresses from the start of the section .text."""
    for number, section in enumerate(module.sections):
        if section.kind != _EXIDX or section.link != text:
            continue
        relocated = module.relocations(number, _PREL31)
        for at in range(0, len(section.data), 8):
            function, word = struct.unpack_from("<II", section.data, at)
            start = _target(relocated[at], function)
            if word == _CANNOT_UNWIND or word & _INLINE:
                yield start, _inline(word)
            else:
                symbol = relocated[at + 4]
                yield (
                    start,
                    _instructions(module.sections[symbol.section].data, _target(symbol, word)),
                )


def _target(symbol: Symbol, word: int) -> int:
    """In the symbol's section: the addend is in place."""
    return symbol.value + _prel31(word, 0)


def _prel31(word: int, at: int) -> int:
    offset = word & 0x7FFFFFFF
    return at + offset - (offset >> 30 << 31)


def _inline(word: int) -> bytes:
    return b"" if word == _CANNOT_UNWIND else struct.pack(">I", word)[1:]


def _instructions(table: bytes, at: int) -> bytes:
    """Personality routine 0 has three, 1 has two and as many words as it says."""
    (word,) = struct.unpack_from("<I", table, at)
    if not word & _INLINE or word >> 24 & 0xF > 1:
        return b""  # a language's own routine: the kernel gives up, too
    if word >> 24 & 0xF == 0:
        return _inline(word)
    words = struct.unpack_from(f"<{1 + (word >> 16 & 0xFF)}I", table, at)
    return b"".join(struct.pack(">I", each) for each in words)[2:]


def _is_function(symbol: Symbol, text: int) -> bool:
    return symbol.kind == FUNCTION and symbol.section == text

"""How wide a kernel's pointers and longs are, and which of them can be addresses in it."""

import mmap
import os
import struct

from ktrace.record import record


@record
class Width:
    """word: its bytes. An address of the kernel has one of the bits of `mask`."""

    word: int
    mask: int
    stack_sizes: tuple[int, ...]  # that THREAD_SIZE can have, the smallest first

    @classmethod
    def of_machine(cls, word_bytes: int) -> "Width":
        """Of this machine, whose kernel has words of so many bytes."""
        if word_bytes == 4:
            return WIDTH_32
        return ARM64 if os.uname().machine == "aarch64" else WIDTH_64

    @property
    def greatest(self) -> int:
        return (1 << 8 * self.word) - 1

    @property
    def stack_size(self) -> int:
        """The largest that a kernel stack can be."""
        return self.stack_sizes[-1]

    def is_address(self, word: int) -> bool:
        """Can a structure of the kernel be there? No proof that one is."""
        return bool(word & self.mask) and not word % self.word

    def pack(self, word: int) -> bytes:
        return word.to_bytes(self.word, "little")

    def unpack(self, data: bytes) -> tuple[int, ...]:
        """All words of the data; a rest that is none is left out."""
        number = len(data) // self.word
        return struct.unpack_from(f"={number}{'Q' if self.word == 8 else 'I'}", data)


# x86-64: 16 KiB, with KASAN 32; user space ends below bit 47; with five levels of page
# tables below bit 56, and some of its addresses pass
WIDTH_64 = Width(8, ~0 << 47, (16 << 10, 32 << 10))
# arch/arm64/include/asm/memory.h: as on x86-64, and with CONFIG_VMAP_STACK at least a page; user
# space has up to 52 bits, and bit 55 chooses the kernel's half, whatever tag is above
ARM64 = Width(8, 1 << 55, (16 << 10, max(32 << 10, mmap.PAGESIZE)))
# arch/arm/Kconfig: the kernel begins at 0x40000000 or above (CONFIG_PAGE_OFFSET);
# asm/thread_info.h: two pages, with KASAN four, of which the inner half is not looked at
WIDTH_32 = Width(4, 0xC0000000, (8 << 10,))

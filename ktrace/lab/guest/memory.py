"""A guest's memory, read and changed from outside: as a cosmic ray or a worn out chip does."""

import os
from dataclasses import dataclass

from ktrace.lab.arch import AMD64
from ktrace.lab.errors import LabError
from ktrace.lab.guest.guest import Guest

STRUCT_PAGE = 64  # bytes; of 64-bit kernels with memory cgroups
_CHUNK = 2 << 20  # the mem_map is mapped in pages of 2 MiB
_PAGE_SHIFT = 12
_NOTES = 1 << 16  # bytes, in which the ELF notes of /proc/kcore are
_WORD = 8
_REFCOUNT_AT = 0x34  # struct page._refcount, as _mapcount at 0x30 (mm_types.h, 64 bit)
_FLAG_BITS = (1 << 21) - 1  # as many as every kernel has; reserved pages have one of them


@dataclass(frozen=True)
class Frame:
    """A page frame of the guest, and where its struct page is."""

    pfn: int
    virtual: int
    physical: int


class GuestMemory:
    """The memory of a guest whose Machine has it in a file."""

    def __init__(self, guest: Guest) -> None:
        if guest.machine.memory is None:
            raise ValueError("this guest's memory is not in a file")
        self._guest = guest
        self._file = guest.machine.memory
        self._start = guest.machine.arch.memory_start
        self._frames = guest.machine.memory_mb << 20 >> _PAGE_SHIFT

    def physical(self, address: int) -> int | None:
        """Of a kernel address, by QEMU's own walk of the page tables; None: not mapped."""
        said = self._guest.monitor(f"gva2gpa {address:#x}")
        label, _, value = said.strip().partition(": ")
        return int(value, 16) if label == "gpa" else None

    def read(self, physical: int, size: int) -> bytes:
        """Physical memory, which is in the file in one piece (on x86-64: below 3 GiB)."""
        with self._file.open("rb") as file:
            file.seek(physical - self._start)
            return file.read(size)

    def flip(self, physical: int, bit: int) -> None:
        """Change one bit of a 64-bit word, while the guest's CPUs stand still."""
        at, mask = physical - self._start + bit // 8, 1 << bit % 8
        self._guest.qmp("stop")
        with self._file.open("r+b") as file:
            byte = os.pread(file.fileno(), 1, at)[0]
            os.pwrite(file.fileno(), bytes([byte ^ mask]), at)
        self._guest.qmp("cont")

    def symbol(self, name: str) -> int:
        """The word that a variable of the guest's kernel holds."""
        line = self._guest.check(f"grep ' {name}$' /proc/kallsyms")
        at = self.physical(int(line.split()[0], 16))
        if at is None:
            raise LabError(f"the guest's {name} is not mapped")
        return int.from_bytes(self.read(at, _WORD), "little")

    def noted(self, name: str) -> int:
        """What the guest's kernel notes about itself for crash dumps, in /proc/kcore."""
        notes = f"head -c {_NOTES} /proc/kcore"
        found = self._guest.check(f"{notes} | grep -F -m1 '({name})='")
        return int(found.partition("=")[2], 16)

    def mem_map(self) -> int:
        """Where the struct page of frame 0 is, or would be."""
        if self._guest.machine.arch == AMD64:
            return self.symbol("vmemmap_base")
        # arch/arm64/include/asm/pgtable.h; its kallsyms need not have variables
        first = self.noted("PHYS_OFFSET") >> _PAGE_SHIFT
        return self.noted("VMEMMAP_START") - first * STRUCT_PAGE

    def first_frame(self) -> int:
        return self._start >> _PAGE_SHIFT

    def frame(self, pfn: int) -> Frame:
        """Where the struct page of a frame is."""
        virtual = self.mem_map() + pfn * STRUCT_PAGE
        physical = self.physical(virtual)
        if physical is None:
            raise LabError(f"the guest has no struct page for frame {pfn:#x}")
        return Frame(pfn, virtual, physical)

    def frame_described_at(self, physical: int) -> Frame:
        """The frame whose struct page is at that place of physical memory."""
        base = self.mem_map()
        first = self.first_frame()
        for offset in range(0, self._frames * STRUCT_PAGE, _CHUNK):
            chunk = base + first * STRUCT_PAGE + offset
            start = self.physical(chunk)
            if start is not None and start <= physical < start + _CHUNK:
                virtual = chunk + physical - start
                return Frame((virtual - base) // STRUCT_PAGE, virtual, physical)
        raise LabError(f"no struct page is at {physical:#x} of the guest's memory")

    def is_free(self, frame: Frame) -> bool:
        """Whether nobody uses the page: no flag is set and nobody counts on it."""
        page = self.read(frame.physical, STRUCT_PAGE)
        flags = int.from_bytes(page[:_WORD], "little") & _FLAG_BITS
        refcount = int.from_bytes(page[_REFCOUNT_AT : _REFCOUNT_AT + 4], "little")
        return not flags and not refcount

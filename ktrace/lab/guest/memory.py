"""A guest's memory, read and changed from outside: as a cosmic ray or a worn out chip does."""

import os
from dataclasses import dataclass

from ktrace.lab.errors import LabError
from ktrace.lab.guest.guest import Guest

STRUCT_PAGE = 64  # bytes; of x86-64 kernels with memory cgroups
_CHUNK = 2 << 20  # the mem_map is mapped in pages of 2 MiB
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
        self._frames = guest.machine.memory_mb << 20 >> 12

    def physical(self, address: int) -> int | None:
        """Of a kernel address, by QEMU's own walk of the page tables; None: not mapped."""
        said = self._guest.monitor(f"gva2gpa {address:#x}")
        label, _, value = said.strip().partition(": ")
        return int(value, 16) if label == "gpa" else None

    def read(self, physical: int, size: int) -> bytes:
        """Physical memory, which below 3 GiB is at the same offset in the file."""
        with self._file.open("rb") as file:
            file.seek(physical)
            return file.read(size)

    def flip(self, physical: int, bit: int) -> None:
        """Change one bit of a 64-bit word, while the guest's CPUs stand still."""
        at, mask = physical + bit // 8, 1 << bit % 8
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

    def frame(self, pfn: int) -> Frame:
        """Where the struct page of a frame is."""
        virtual = self.symbol("vmemmap_base") + pfn * STRUCT_PAGE
        physical = self.physical(virtual)
        if physical is None:
            raise LabError(f"the guest has no struct page for frame {pfn:#x}")
        return Frame(pfn, virtual, physical)

    def frame_described_at(self, physical: int) -> Frame:
        """The frame whose struct page is at that place of physical memory."""
        base = self.symbol("vmemmap_base")
        for offset in range(0, self._frames * STRUCT_PAGE, _CHUNK):
            start = self.physical(base + offset)
            if start is not None and start <= physical < start + _CHUNK:
                virtual = base + offset + physical - start
                return Frame((virtual - base) // STRUCT_PAGE, virtual, physical)
        raise LabError(f"no struct page is at {physical:#x} of the guest's memory")

    def is_free(self, frame: Frame) -> bool:
        """Whether nobody uses the page: no flag is set and nobody counts on it."""
        page = self.read(frame.physical, STRUCT_PAGE)
        flags = int.from_bytes(page[:_WORD], "little") & _FLAG_BITS
        refcount = int.from_bytes(page[_REFCOUNT_AT : _REFCOUNT_AT + 4], "little")
        return not flags and not refcount

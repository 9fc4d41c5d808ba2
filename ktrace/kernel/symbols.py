"""Names of kernel addresses, from /proc/kallsyms."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable

from ktrace.kernel.wait_functions import function_of
from ktrace.record import record

KALLSYMS = "/proc/kallsyms"
MODULES = "/proc/modules"
_LONGEST_FUNCTION = 1 << 16  # bytes; longer ones exist, but not on the way into a sleep
_TEXT = (b"t", b"T", b"w", b"W")


@record
class Module:
    """A loaded module. Since v6.4 (ac3b43283923 "module: replace module_layout with
    module_memory") its parts may lie apart: end is then beyond its text."""

    name: str
    end: int


class Symbols:
    """Address -> "name+0xoffset [module]". Empty when the kernel hides addresses (kptr_restrict).

    Kept small for machines without memory: two arrays and one blob of names, 3 MiB for 75 000
    functions. kallsyms is not sorted (modules and BPF programs follow the kernel), so it is here.
    """

    def __init__(self, lines: Iterable[bytes], modules: Iterable["Module"] = ()) -> None:
        self._ends = {f"[{module.name}]": module.end for module in modules}
        addresses, starts = array("Q"), array("I")
        self._names = bytearray()  # "name\n", or "name\t[module]\n"
        for line in lines:
            # "ffffffff81000000 T _text" or "ffffffffc0a52000 t name\t[module]"
            parts = line.split(b" ", 2)
            if len(parts) == 3 and parts[1] in _TEXT and parts[0].strip(b"0"):
                addresses.append(int(parts[0], 16))
                starts.append(len(self._names))
                self._names += parts[2].rstrip(b"\n") + b"\n"
        order = sorted(range(len(addresses)), key=addresses.__getitem__)
        self._addresses = array("Q", (addresses[i] for i in order))
        self._starts = array("I", (starts[i] for i in order))

    @classmethod
    def of_kernel(cls) -> "Symbols":
        """The running kernel's; empty where it cannot be read."""
        try:
            with open(KALLSYMS, "rb") as file:
                return cls(file, loaded_modules())
        except OSError:
            return cls(())

    def __len__(self) -> int:
        return len(self._addresses)

    def return_address(self, word: int) -> str | None:
        """The symbol, where word can be an address inside a function; None where it cannot."""
        index = bisect_right(self._addresses, word) - 1
        if index < 0 or not 0 < word - self._addresses[index] < _LONGEST_FUNCTION:
            return None
        return self.name(word)

    def function(self, address: int) -> str:
        """The function that covers address, without offset; "" where none does."""
        name = self.name(address)
        return "" if name.startswith("0x") else function_of(name)

    @property
    def lowest(self) -> int:
        """Where the kernel's image begins; 0 where addresses are hidden."""
        return self._addresses[0] if self._addresses else 0

    def name(self, address: int) -> str:
        """The symbol that covers address, or the address itself."""
        index = bisect_right(self._addresses, address) - 1
        if index < 0:
            return hex(address)
        start = self._starts[index]
        line = bytes(self._names[start : self._names.index(b"\n", start)])
        name, _, module = line.decode(errors="replace").partition("\t")
        if address >= self._ends.get(module, 1 << 64):
            return hex(address)  # of a module that is not in here: not the one below it
        offset = f"{name}+{address - self._addresses[index]:#x}"
        return f"{offset} {module}" if module else offset


def loaded_modules() -> frozenset[Module]:
    """All that are loaded now; none where the kernel hides addresses."""
    try:
        with open(MODULES, "rb") as file:
            # "virtio 16384 4 virtio_blk,virtio_pci, Live 0xffffffffc0200000"
            lines = [line.split() for line in file]
    except OSError:
        return frozenset()
    return frozenset(
        Module(parts[0].decode(errors="replace"), int(parts[5], 16) + int(parts[1]))
        for parts in lines
        if len(parts) > 5 and int(parts[5], 16)
    )

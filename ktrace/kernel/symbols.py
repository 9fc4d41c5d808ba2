"""Names of kernel addresses, from /proc/kallsyms."""

from collections.abc import Iterable

from ktrace.kernel.name_table import NameTable, whole_lines
from ktrace.kernel.variables import DATA, Variables
from ktrace.kernel.wait_functions import function_of
from ktrace.record import record

KALLSYMS = "/proc/kallsyms"
MODULES = "/proc/modules"
LONGEST_FUNCTION = 1 << 16  # bytes; longer ones exist, but not on the way into a sleep
_TEXT = (b"t", b"T", b"w", b"W")


@record
class Module:
    """A loaded module. Since v6.4 (ac3b43283923 "module: replace module_layout with
    module_memory") its parts may lie apart: end is then beyond its text."""

    name: str
    end: int


class Symbols:
    """Address -> "name+0xoffset [module]". Empty when the kernel hides addresses
    (kptr_restrict)."""

    def __init__(self, chunks: Iterable[list[bytes]], modules: Iterable["Module"] = ()) -> None:
        """chunks: the lines of kallsyms, which is read once, for functions and variables."""
        self._ends = {f"[{module.name}]": module.end for module in modules}
        self._functions, variables = NameTable(_TEXT), NameTable(DATA)
        for lines in chunks:
            self._functions.add(lines)
            variables.add(lines)
        self._functions.sort()
        variables.sort()
        self.variables = Variables(variables)

    @classmethod
    def of_kernel(cls) -> "Symbols":
        """The running kernel's; empty where it cannot be read."""
        try:
            with open(KALLSYMS, "rb", buffering=0) as file:
                return cls(whole_lines(file), loaded_modules())
        except OSError:
            return cls(())

    def __len__(self) -> int:
        return len(self._functions)

    def return_address(self, word: int) -> str | None:
        """The symbol, where word can be an address inside a function; None where it cannot."""
        index = self._functions.below(word)
        if index < 0 or not 0 < word - self._functions.addresses[index] < LONGEST_FUNCTION:
            return None
        return self.name(word)

    def function(self, address: int) -> str:
        """The function that covers address, without offset; "" where none does."""
        name = self.name(address)
        return "" if name.startswith("0x") else function_of(name)

    @property
    def lowest(self) -> int:
        """Where the kernel's image begins; 0 where addresses are hidden."""
        return self._functions.addresses[0] if self._functions else 0

    def name(self, address: int) -> str:
        """The symbol that covers address, or the address itself."""
        index = self._functions.below(address)
        if index < 0:
            return hex(address)
        name, _, module = self._functions.name(index).partition("\t")
        if address >= self._ends.get(module, 1 << 64):
            return hex(address)  # of a module that is not in here: not the one below it
        offset = f"{name}+{address - self._functions.addresses[index]:#x}"
        return f"{offset} {module}" if module else offset


def loaded_modules() -> frozenset[Module]:
    """All that are loaded now; none where the kernel hides addresses."""
    try:
        with open(MODULES, "rb") as file:
            return modules_of(file)
    except OSError:
        return frozenset()


def modules_of(lines: Iterable[bytes]) -> frozenset[Module]:
    """Of /proc/modules: "virtio 16384 4 virtio_blk,virtio_pci, Live 0xffffffffc0200000"."""
    found = [line.split() for line in lines]
    return frozenset(
        Module(parts[0].decode(errors="replace"), int(parts[5], 16) + int(parts[1]))
        for parts in found
        if len(parts) > 5 and int(parts[5], 16)
    )

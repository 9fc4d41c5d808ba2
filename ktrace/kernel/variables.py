"""Static variables of the kernel and its modules, from /proc/kallsyms."""

from ktrace.kernel.name_table import NameTable

# a: absolute, as variables of each CPU were on x86-64 until v6.15
DATA = (b"a", b"A", b"b", b"B", b"d", b"D", b"r", b"R", b"v", b"V")
_LARGEST = 1 << 18  # bytes: what lies further behind a symbol is not taken for a part of it


class Variables:
    """Variable <-> address. Only functions are in kallsyms where CONFIG_KALLSYMS_ALL is off, and
    nothing where the kernel hides addresses: then it is empty."""

    def __init__(self, table: NameTable) -> None:
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    def name(self, address: int) -> str:
        """ "rtnl_mutex" of its own address, "rcu_state+0x30c0" of one inside; "" where there is
        none. Only for addresses in the kernel's image or a module: above the lowest function."""
        index = self._table.below(address)
        inside = address - self._table.addresses[index] if index >= 0 else _LARGEST
        if inside >= _LARGEST:
            return ""
        name = self._table.name(index).partition("\t")[0]
        return f"{name}+{inside:#x}" if inside else name

    def address(self, name: str) -> int | None:
        """Of the first variable of that name; of one that each CPU has, its offset."""
        return self._table.address(name)

"""Static variables of the kernel and its modules, from /proc/kallsyms."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable

from ktrace.kernel.symbols import KALLSYMS

# a: absolute, as variables of each CPU were on x86-64 until v6.15
_DATA = (b"a", b"A", b"b", b"B", b"d", b"D", b"r", b"R", b"v", b"V")
_LARGEST = 1 << 18  # bytes: what lies further behind a symbol is not taken for a part of it


class Variables:
    """Variable <-> address. Only functions are in kallsyms where CONFIG_KALLSYMS_ALL is off, and
    nothing where the kernel hides addresses: then it is empty.

    Kept small: an array and a blob of names, 2 MiB.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        addresses, starts = array("Q"), array("I")
        self._names = bytearray(b"\n")
        for line in lines:
            # "ffffffff82e0a3c0 d rtnl_mutex" or "ffffffffc0a52000 b name\t[module]"
            if line[17:18] in _DATA and line[:16].strip(b"0"):
                addresses.append(int(line[:16], 16))
                starts.append(len(self._names))
                self._names += line[19:].split(None, 1)[0] + b"\n"
        order = sorted(range(len(addresses)), key=addresses.__getitem__)
        self._addresses = array("Q", (addresses[i] for i in order))
        self._starts = array("I", (starts[i] for i in order))

    @classmethod
    def of_kernel(cls) -> "Variables":
        """The running kernel's; empty where it cannot be read."""
        try:
            with open(KALLSYMS, "rb") as file:
                return cls(file)
        except OSError:
            return cls(())

    def __len__(self) -> int:
        return len(self._addresses)

    def name(self, address: int) -> str:
        """ "rtnl_mutex" of its own address, "rcu_state+0x30c0" of one inside; "" where there is
        none. Only for addresses in the kernel's image or a module: above the lowest function."""
        index = bisect_right(self._addresses, address) - 1
        if index < 0 or address - self._addresses[index] >= _LARGEST:
            return ""
        start = self._starts[index]
        name = self._names[start : self._names.index(b"\n", start)].decode(errors="replace")
        inside = address - self._addresses[index]
        return f"{name}+{inside:#x}" if inside else name

    def address(self, name: str) -> int | None:
        """Of the first variable of that name; of one that each CPU has, its offset."""
        at = self._names.find(b"\n%s\n" % name.encode())
        if at < 0:
            return None
        # kallsyms has each symbol's name where its start is: the array is not sorted by it
        return self._addresses[self._starts.index(at + 1)]

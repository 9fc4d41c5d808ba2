"""Addresses and their names, from lines of /proc/kallsyms."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import BinaryIO

_CHUNK = 1 << 16


class NameTable:
    """Kept small for machines without memory: two arrays and one blob of names. kallsyms is not
    sorted (modules and BPF programs follow the kernel), so it is here."""

    def __init__(self, kinds: Iterable[bytes]) -> None:
        """kinds: the letters of nm(1) that are wanted."""
        self._kinds = frozenset(kinds)
        self.addresses = array("Q")
        self._starts = array("I")
        self._names = bytearray(b"\n")

    def add(self, lines: list[bytes]) -> None:
        """Take what is wanted of "ffffffff81000000 T _text", or "ffffffffc0a52000 t
        name\\t[module]". Zero is an address that the kernel hides. __pfx_name is the padding before
        a function (CONFIG_PREFIX_SYMBOLS of arch/x86/Kconfig): half of all symbols, and nothing
        returns to there."""
        width = lines[0].find(b" ") if lines else 0
        zero, kind, name = b"0" * width, width + 1, width + 3
        kinds, padding, behind = self._kinds, b"__pfx_", name + 6
        kept = [
            line
            for line in lines
            if line[kind : kind + 1] in kinds
            and line[name:behind] not in (b"", padding)
            and line[:width] != zero
        ]
        if kept:
            self.addresses.extend([int(line[:width], 16) for line in kept])
            names = [line[name:] for line in kept]
            sizes = [len(each) + 1 for each in names]
            self._starts.extend(accumulate(sizes[:-1], initial=len(self._names)))
            self._names += b"\n".join(names) + b"\n"

    def sort(self) -> None:
        """After the last add(). The kernel's own names come sorted: only those behind them are
        sorted, and put between, which takes little memory."""
        old, old_starts = self.addresses, self._starts
        own = next((i for i in range(1, len(old)) if old[i] < old[i - 1]), len(old))
        self.addresses, self._starts, done = array("Q"), array("I"), 0
        for address, start in sorted(zip(old[own:], old_starts[own:], strict=True)):
            below = bisect_right(old, address, done, own)
            self.addresses += old[done:below]
            self._starts += old_starts[done:below]
            self.addresses.append(address)
            self._starts.append(start)
            done = below
        self.addresses += old[done:own]
        self._starts += old_starts[done:own]

    def __len__(self) -> int:
        return len(self.addresses)

    def below(self, address: int) -> int:
        """The index of the last name at or below address; -1 where there is none."""
        return bisect_right(self.addresses, address) - 1

    def name(self, index: int) -> str:
        """With "\\t[module]" behind it where it is a module's."""
        start = self._starts[index]
        return self._names[start : self._names.index(b"\n", start)].decode(errors="replace")

    def address(self, name: str) -> int | None:
        """Of the first line of that name, a module's or the kernel's."""
        wanted = name.encode()
        found = [self._names.find(b"\n%s%s" % (wanted, end)) for end in (b"\n", b"\t")]
        starts = [at + 1 for at in found if at >= 0]
        # the array is sorted by addresses, not by where names start
        return self.addresses[self._starts.index(min(starts))] if starts else None


def whole_lines(file: BinaryIO) -> Iterator[list[bytes]]:
    """Without their ends, as many as are read at once."""
    rest = b""
    while chunk := file.read(_CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        yield lines
    yield [rest]

"""Names of kernel addresses, as far as an agent has sent them."""

from bisect import bisect_right, insort

from ktrace.kernel.symbols import LONGEST_FUNCTION, Symbols, modules_of

_MOST = 1 << 16  # an agent keeps 4096 in mind


class SentSymbols(Symbols):
    """Ranges of addresses with the function that each begins with."""

    def __init__(self, modules: str = "") -> None:
        """modules: of /proc/modules."""
        super().__init__((), modules_of(modules.encode().splitlines()))
        self._starts: list[int] = []
        self._ranges: dict[int, tuple[int, str]] = {}  # by start: end, name

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, payload: bytes) -> None:
        """A frame SYMBOLS: "c0101000 c0101040 name", with "\\t[module]" where it is a module's.
        Raises ValueError."""
        for line in payload.decode(errors="backslashreplace").splitlines():
            start, end, name = line.split(" ", 2)
            first = int(start, 16)
            if first not in self._ranges and len(self._ranges) < _MOST:
                insort(self._starts, first)
                self._ranges[first] = (int(end, 16), name)

    def return_address(self, word: int) -> str | None:
        start = self._below(word)
        if start is None or not 0 < word - start < LONGEST_FUNCTION:
            return None
        return self.name(word)

    def name(self, address: int) -> str:
        start = self._below(address)
        if start is None:
            return hex(address)
        name, _, module = self._ranges[start][1].partition("\t")
        if address >= self._ends.get(module, 1 << 64):
            return hex(address)  # of a module that is not known: not the one below it
        offset = f"{name}+{address - start:#x}"
        return f"{offset} {module}" if module else offset

    def _below(self, address: int) -> int | None:
        at = bisect_right(self._starts, address) - 1
        if at < 0 or address >= self._ranges[self._starts[at]][0]:
            return None
        return self._starts[at]

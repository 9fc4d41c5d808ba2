"""Sections, symbols and relocations of a little-endian 32-bit ELF file (elf(5))."""

import struct
from collections.abc import Iterator

from ktrace.record import record

_HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
_SECTION = struct.Struct("<10I")
_SYMBOL = struct.Struct("<IIIBBH")
_SYMBOLS, _REL, _NO_BYTES = 2, 9, 8  # sh_type
MAGIC = b"\x7fELF\x01\x01"
ARM = 40  # e_machine
FUNCTION = 2  # st_info & 15


@record
class Section:
    name: str
    kind: int
    address: int
    data: bytes
    link: int
    info: int


@record
class Symbol:
    name: str
    value: int
    kind: int
    section: int  # its index


class Elf32:
    """Raises ValueError for anything else."""

    def __init__(self, data: bytes) -> None:
        try:
            self._read(data)
        except (struct.error, IndexError) as error:
            raise ValueError(f"a damaged ELF file: {error}") from None

    def _read(self, data: bytes) -> None:
        if data[: len(MAGIC)] != MAGIC:
            raise ValueError("no little-endian 32-bit ELF file")
        fields = _HEADER.unpack_from(data)
        self.machine, table, count, names = fields[2], fields[6], fields[12], fields[13]
        raw = [_SECTION.unpack_from(data, table + _SECTION.size * n) for n in range(count)]
        bodies = [b"" if r[1] == _NO_BYTES else data[r[4] : r[4] + r[5]] for r in raw]
        self.sections = [
            Section(_text(bodies[names], r[0]), r[1], r[3], body, r[6], r[7])
            for r, body in zip(raw, bodies, strict=True)
        ]
        self.symbols = [*self._symbols()]

    def section(self, name: str) -> Section | None:
        return next((section for section in self.sections if section.name == name), None)

    def relocations(self, target: int, kind: int) -> dict[int, Symbol]:
        """Those of one kind: symbols by offset in the section with this index."""
        return {
            offset: self.symbols[info >> 8]
            for section in self.sections
            if section.kind == _REL and section.info == target
            for offset, info in struct.iter_unpack("<II", section.data)
            if info & 0xFF == kind
        }

    def _symbols(self) -> Iterator[Symbol]:
        for section in self.sections:
            if section.kind == _SYMBOLS:
                strings = self.sections[section.link].data
                for name, value, _, info, _, index in _SYMBOL.iter_unpack(section.data):
                    yield Symbol(_text(strings, name), value, info & 15, index)


def _text(strings: bytes, at: int) -> str:
    return strings[at : strings.index(b"\0", at)].decode(errors="backslashreplace")

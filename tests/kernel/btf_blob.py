"""Raw BTF made by hand (Documentation/bpf/btf.rst), for tests of its reader."""

from __future__ import annotations

import struct
from collections.abc import Sequence

INT, PTR, ARRAY, STRUCT, UNION, ENUM, TYPEDEF = 1, 2, 3, 4, 5, 6, 8
CONST, FUNC, FUNC_PROTO, VAR, DATASEC = 10, 12, 13, 14, 15
VOID = 0
_MAGIC, _VERSION, _HEADER = 0xEB9F, 1, 24


class Blob:
    """Types get their ids in the order in which they are added, from 1."""

    def __init__(self) -> None:
        self._types = bytearray()
        self._strings = bytearray(b"\0")
        self._count = 0

    def __bytes__(self) -> bytes:
        sizes = (0, len(self._types), len(self._types), len(self._strings))
        header = struct.pack("=HBBI4I", _MAGIC, _VERSION, 0, _HEADER, *sizes)
        return header + bytes(self._types) + bytes(self._strings)

    def integer(self, name: str, size: int, signed: bool = False) -> int:
        return self._add(name, INT, 0, size, struct.pack("=I", signed << 24 | size * 8))

    def pointer(self, to: int) -> int:
        return self._add("", PTR, 0, to)

    def array(self, element: int, index: int, count: int) -> int:
        return self._add("", ARRAY, 0, 0, struct.pack("=3I", element, index, count))

    def structure(self, name: str, size: int, members: Sequence[tuple[str, int, int]]) -> int:
        """Members are (name, type, offset in bytes)."""
        tail = b"".join(
            struct.pack("=3I", self._string(member), type_id, offset * 8)
            for member, type_id, offset in members
        )
        return self._add(name, STRUCT, len(members), size, tail)

    def enum(self, name: str, values: dict[str, int]) -> int:
        tail = b"".join(
            struct.pack("=Ii", self._string(key), value) for key, value in values.items()
        )
        return self._add(name, ENUM, len(values), 4, tail)

    def typedef(self, name: str, to: int) -> int:
        return self._add(name, TYPEDEF, 0, to)

    def const(self, of: int) -> int:
        return self._add("", CONST, 0, of)

    def prototype(self, result: int, arguments: Sequence[int]) -> int:
        tail = b"".join(struct.pack("=2I", 0, argument) for argument in arguments)
        return self._add("", FUNC_PROTO, len(arguments), result, tail)

    def function(self, name: str, prototype: int) -> int:
        return self._add(name, FUNC, 0, prototype)

    def variable(self, name: str, of: int) -> int:
        return self._add(name, VAR, 0, of, struct.pack("=I", 1))

    def section(self, name: str, size: int, variables: Sequence[tuple[int, int, int]]) -> int:
        """Variables are (type, offset, size)."""
        tail = b"".join(struct.pack("=3I", *variable) for variable in variables)
        return self._add(name, DATASEC, len(variables), size, tail)

    def _string(self, text: str) -> int:
        if not text:
            return 0
        at = len(self._strings)
        self._strings += text.encode() + b"\0"
        return at

    def _add(self, name: str, kind: int, vlen: int, size_or_type: int, tail: bytes = b"") -> int:
        info = kind << 24 | vlen
        self._types += struct.pack("=3I", self._string(name), info, size_or_type) + tail
        self._count += 1
        return self._count

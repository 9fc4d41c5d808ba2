"""BTF written anew: types are added one by one (Documentation/bpf/btf.rst, "BTF Type and String
Encoding")."""

import struct

from ktrace.board.btf_kinds import PTR

_MAGIC, _VERSION, _HEADER_BYTES = 0xEB9F, 1, 24
VOID = 0


class BtfWriter:
    """Ids count from 1, in the order in which types are added."""

    def __init__(self) -> None:
        self._types = bytearray()
        self._strings = bytearray(b"\0")
        self._offsets = {"": 0}  # of strings
        self._pointer = 0
        self.count = 0

    def string(self, text: str) -> int:
        """Its offset."""
        if text not in self._offsets:
            self._offsets[text] = len(self._strings)
            self._strings += text.encode() + b"\0"
        return self._offsets[text]

    def add(self, name: str, info: int, size_or_type: int, tail: bytes = b"") -> int:
        """Info and tail as struct btf_type has them; the id."""
        self._types += struct.pack("=3I", self.string(name), info, size_or_type) + tail
        self.count += 1
        return self.count

    def pointer(self) -> int:
        """To void; there is one."""
        self._pointer = self._pointer or self.add("", PTR << 24, VOID)
        return self._pointer

    def data(self) -> bytes:
        lengths = (0, len(self._types), len(self._types), len(self._strings))
        header = struct.pack("=HBBI4I", _MAGIC, _VERSION, 0, _HEADER_BYTES, *lengths)
        return header + bytes(self._types) + bytes(self._strings)

"""A kernel's BTF cut down to what ktrace reads: from megabytes to some ten kilobytes.

bpftool's min_core_btf keeps what BPF objects relocate, and nothing that user space asks for. Here a
type is kept with its size and with those of its members whose names ktrace knows, pointers lead to
nothing, and enums are whole: to libbpf and to ktrace the kernel looks as before.
"""

import struct
from collections.abc import Sequence

from ktrace.board.asked_btf import AskedBtf
from ktrace.board.btf_kinds import (
    ARRAY,
    ENUM,
    ENUM64,
    FLOAT,
    FORWARD,
    FUNC,
    FUNC_PROTO,
    INT,
    PTR,
    STRUCT,
    TYPEDEF,
    UNION,
)
from ktrace.board.btf_writer import VOID, BtfWriter

_WORDS = {"long unsigned int", "unsigned long"}  # gcc's name and clang's: libbpf asks for its size
_BITS = 1 << 31  # kind_flag


def cut(sources: Sequence[AskedBtf], types: set[tuple[str, int]], members: set[str]) -> bytes:
    """Of the kernel, and then of modules: what two of them have is the first one's.

    types: names and kinds; members: names, of whatever struct."""
    writer = BtfWriter()
    wanted = sorted({*types, *((name, INT) for name in _WORDS)})
    kept = set[tuple[str, int]]()
    for source in sources:
        cutter = _Cutter(source, members, writer)
        for name, kind in wanted:
            found = source.find(name, kind)
            if found and (name, kind) not in kept:
                kept.add((name, kind))
                cutter.keep(found)
    return writer.data()


class _Cutter:
    """Copies types of one source; each once."""

    def __init__(self, source: AskedBtf, members: set[str], writer: BtfWriter) -> None:
        self._source = source
        self._members = members
        self._writer = writer
        self._ids: dict[int, int] = {VOID: VOID}

    def keep(self, found: int) -> int:
        """The id that it has now."""
        if found not in self._ids:
            self._ids[found] = self._copied(found)
        return self._ids[found]

    def _copied(self, found: int) -> int:
        entry, writer = self._source.type_at(found), self._writer
        if entry.kind in (STRUCT, UNION):
            return self._structure(found)
        if entry.kind == INT:
            return writer.add(entry.name, INT << 24, entry.size_or_type, self._tail(found, 4))
        if entry.kind == ARRAY:
            element, index, count = struct.unpack("=3I", self._tail(found, 12))
            tail = struct.pack("=3I", self.keep(element), self.keep(index), count)
            return writer.add("", ARRAY << 24, 0, tail)
        if entry.kind in (ENUM, ENUM64):
            return self._enum(found)
        if entry.kind == PTR:
            return writer.pointer()
        if entry.kind == TYPEDEF:
            target = self._prototype(entry.size_or_type) or self.keep(entry.size_or_type)
            return writer.add(entry.name, TYPEDEF << 24, target)
        if entry.kind == FUNC:
            return writer.add(entry.name, FUNC << 24, writer.add("", FUNC_PROTO << 24, VOID))
        if entry.kind == FLOAT:
            return writer.add(entry.name, FLOAT << 24, entry.size_or_type)
        if entry.kind == FORWARD:
            return writer.add(entry.name, FORWARD << 24, 0)
        return self.keep(entry.size_or_type)  # const, volatile, restrict, type_tag

    def _structure(self, found: int) -> int:
        entry = self._source.type_at(found)
        members = b""
        for name, type_id, offset in struct.iter_unpack("=3I", self._tail(found, 12 * entry.vlen)):
            text = self._source.name_at(name)
            if not text or text in self._members:
                members += struct.pack("=3I", self._writer.string(text), self.keep(type_id), offset)
        bits = self._source.info_at(found) & _BITS
        info = bits | entry.kind << 24 | len(members) // 12
        return self._writer.add(entry.name, info, entry.size_or_type, members)

    def _enum(self, found: int) -> int:
        entry = self._source.type_at(found)
        words = 2 if entry.kind == ENUM else 3
        values = b""
        size = 4 * words * entry.vlen
        for name, *value in struct.iter_unpack(f"={words}I", self._tail(found, size)):
            offset = self._writer.string(self._source.name_at(name))
            values += struct.pack(f"={words}I", offset, *value)
        info = self._source.info_at(found)
        return self._writer.add(entry.name, info, entry.size_or_type, values)

    def _prototype(self, pointer: int) -> int | None:
        """A tracepoint's typedef leads to its arguments: they stay. None for other pointers."""
        entry = self._source.type_at(pointer)
        target = self._source.type_at(entry.size_or_type) if entry.kind == PTR else entry
        if target.kind != FUNC_PROTO:
            return None
        tail = self._source.bytes_at(target.tail, 8 * target.vlen)
        arguments = [self._argument(of_type) for _, of_type in struct.iter_unpack("=2I", tail)]
        packed = b"".join(struct.pack("=2I", 0, argument) for argument in arguments)
        prototype = self._writer.add("", FUNC_PROTO << 24 | target.vlen, VOID, packed)
        return self._writer.add("", PTR << 24, prototype)

    def _argument(self, of_type: int) -> int:
        return self.keep(of_type) if of_type else VOID

    def _tail(self, found: int, size: int) -> bytes:
        return self._source.bytes_at(self._source.type_at(found).tail, size)

"""A BTF that remembers what it is asked for, and shows its types as they are in the file."""

import struct
from collections.abc import Iterator

from ktrace.board.btf_kinds import ENUM, ENUM64, STRUCT, UNION
from ktrace.kernel.btf import Btf, BtfType
from ktrace.kernel.libbpf import lib


class AskedBtf(Btf):
    """asked_types: names and kinds of those that were found; asked_members: names, of whatever
    struct."""

    def __init__(self, handle: int, owned: bool = True) -> None:
        super().__init__(handle, owned)
        self.asked_types: set[tuple[str, int]] = set()
        self.asked_members: set[str] = set()

    def find(self, name: str, kind: int) -> int | None:
        found = super().find(name, kind)
        if found is not None:
            self.asked_types.add((name, kind))
        return found

    def _member(self, structure: str, member: str) -> int | None:
        self.asked_members.add(member)
        return super()._member(structure, member)

    def _member_in(self, entry: BtfType, member: str) -> tuple[int, int] | None:
        self.asked_members.add(member)
        return super()._member_in(entry, member)

    def type_at(self, type_id: int) -> BtfType:
        return self._type(type_id)

    def name_at(self, offset: int) -> str:
        return self._name(offset)

    def info_at(self, type_id: int) -> int:
        """struct btf_type's: vlen, kind, kind_flag."""
        return self._u32(self._type(type_id).tail - 8)

    def bytes_at(self, at: int, size: int) -> bytes:
        return self._bytes(at, size)

    def described(self) -> Iterator[tuple[str, int]]:
        """Name and kind of each struct, union and enum that has a name."""
        for entry in self._all():
            if entry.name and entry.kind in (STRUCT, UNION, ENUM, ENUM64):
                yield entry.name, entry.kind

    def members_of_all(self) -> set[str]:
        """Of all structs and unions, also those without a name."""
        members = set[str]()
        for entry in self._all():
            if entry.kind in (STRUCT, UNION):
                tail = self._bytes(entry.tail, 12 * entry.vlen)
                members |= {self._name(name) for name, _, _ in struct.iter_unpack("=3I", tail)}
        return members - {""}

    def _all(self) -> Iterator[BtfType]:
        return map(self._type, range(1, lib().btf__type_cnt(self._handle)))

"""Members of the kernel's structures, with offsets and C types, from BTF."""

import struct

from ktrace.kernel.btf import Btf
from ktrace.record import record

_INT, _PTR, _ARRAY, _STRUCT, _UNION = 1, 2, 3, 4, 5  # include/uapi/linux/btf.h
_BITFIELDS = 1  # kind_flag of struct btf_type: member offsets carry a bit field's width


@record
class Member:
    """A member as C declares it: "unsigned int %s[4]" with its name for %s."""

    name: str
    offset: int  # bytes
    declaration: str


class Members(Btf):
    """A BTF that also tells structures apart."""

    def members(self, name: str, known: set[str]) -> dict[str, Member]:
        """Members of struct `name`, those of anonymous ones inside it too; no bit fields.

        Structures among `known` keep their names, others become bytes. Empty where the kernel
        has no such struct.
        """
        found = self.find(name, _STRUCT)
        result: dict[str, Member] = {}
        if found is not None:
            self._collect(found, 0, known, result)
        return result

    def _collect(self, type_id: int, base: int, known: set[str], into: dict[str, Member]) -> None:
        entry = self._type(type_id)
        bitfields = self._kind_flag(type_id) == _BITFIELDS
        for i in range(entry.vlen):
            # struct btf_member { __u32 name_off; __u32 type; __u32 offset; }
            name, member, bits = struct.unpack("=3I", self._bytes(entry.tail + 12 * i, 12))
            if bitfields:
                if bits >> 24:
                    continue
                bits &= 0xFFFFFF
            offset = base + bits // 8
            text = self._name(name)
            if text:
                into.setdefault(text, Member(text, offset, self._declare(member, known)))
            elif self._resolve(member).kind in (_STRUCT, _UNION):
                self._collect(member, offset, known, into)

    def _declare(self, type_id: int, known: set[str]) -> str:
        entry = self._resolve(type_id)
        if entry.kind == _PTR:
            target = self._resolve(entry.size_or_type) if entry.size_or_type else None
            if target and target.kind == _STRUCT and target.name:
                return f"struct {target.name} *%s"
            return "void *%s"
        if entry.kind == _ARRAY:
            element, _, count = struct.unpack("=3I", self._bytes(entry.tail, 12))
            return self._declare(element, known).replace("%s", f"%s[{count}]", 1)
        if entry.kind in (_STRUCT, _UNION):
            if entry.kind == _STRUCT and entry.name in known:
                return f"struct {entry.name} %s"
            return f"unsigned char %s[{entry.size_or_type}]"
        if entry.kind == _INT and self._u32(entry.tail) >> 24 & 1:
            return f"__s{8 * entry.size_or_type} %s"
        return f"__u{8 * entry.size_or_type} %s"

    def _kind_flag(self, type_id: int) -> int:
        at = self._type(type_id).tail - 12
        return self._u32(at + 4) >> 31

"""Types of the running kernel, or of a BPF object, from its BTF (Documentation/bpf/btf.rst)."""

import ctypes
import errno
import struct
from typing import Any, Self

from ktrace.kernel.libbpf import LibbpfError, check, lib
from ktrace.record import record

VMLINUX = "/sys/kernel/btf/vmlinux"

# enum of include/uapi/linux/btf.h
_INT, _PTR, _ARRAY, _STRUCT, _UNION, _ENUM = 1, 2, 3, 4, 5, 6
_TYPEDEF, _VOLATILE, _CONST, _RESTRICT, _FUNC, _FUNC_PROTO = 8, 9, 10, 11, 12, 13
_VAR, _DATASEC, _ENUM64 = 14, 15, 19
_MODIFIERS = (_TYPEDEF, _VOLATILE, _CONST, _RESTRICT)
_SIGNED = 1  # BTF_INT_SIGNED

_INTEGERS = {
    (1, False): ctypes.c_uint8,
    (2, False): ctypes.c_uint16,
    (4, False): ctypes.c_uint32,
    (8, False): ctypes.c_uint64,
    (1, True): ctypes.c_int8,
    (2, True): ctypes.c_int16,
    (4, True): ctypes.c_int32,
    (8, True): ctypes.c_int64,
}


@record
class BtfType:
    name: str
    kind: int
    vlen: int
    size_or_type: int
    tail: int  # address behind the fixed part


class Btf:
    """One BTF blob. Look-ups answer None where the kernel has no such type."""

    def __init__(self, handle: int, owned: bool = True) -> None:
        self._handle = handle
        self._owned = owned
        self._found: dict[tuple[str, int], int | None] = {}  # libbpf compares with every type
        self._members: dict[int, dict[str, tuple[int, int]]] = {}  # by where they are in the blob

    @classmethod
    def of_kernel(cls) -> Self:
        """The running kernel's. Raises LibbpfError where it has none."""
        return cls(check(lib().btf__load_vmlinux_btf(), "load the kernel's BTF"))

    @classmethod
    def of_module(cls, name: str, kernel: "Btf") -> Self | None:
        """A loaded module's own types, and the kernel's beneath; None where it has none."""
        found: int | None = lib().btf__load_module_btf(name.encode(), kernel._handle)
        return cls(found) if found else None

    @classmethod
    def of_file(cls, path: str) -> Self:
        """From an ELF file or raw BTF. Raises LibbpfError."""
        return cls(check(lib().btf__parse(path.encode(), None), f"read BTF of {path}"))

    @classmethod
    def of_module_file(cls, path: str, kernel: "Btf") -> Self:
        """A module's own types, as its build leaves them: they begin where the kernel's end. Raises
        LibbpfError."""
        found = lib().btf__parse_split(path.encode(), kernel._handle)
        return cls(check(found, f"read BTF of {path}"))

    @classmethod
    def of_object(cls, bpf_object: int) -> "Btf":
        """Of an opened BPF object, which keeps it."""
        return cls(check(lib().bpf_object__btf(bpf_object), "find the object's BTF"), False)

    def close(self) -> None:
        if self._owned and self._handle:
            lib().btf__free(self._handle)
        self._handle = 0
        self._found.clear()
        self._members.clear()

    def find(self, name: str, kind: int) -> int | None:
        """The id of the type."""
        if not self._handle:
            raise LibbpfError("look up a type in a BTF that is closed", errno.EBADF)
        key = (name, kind)
        if key not in self._found:
            found: int = lib().btf__find_by_name_kind(self._handle, name.encode(), kind)
            self._found[key] = found if found > 0 else None
        return self._found[key]

    def word_bytes(self) -> int:
        """Of a pointer or long, by its ints; 8 where it has none that tells."""
        return int(lib().btf__pointer_size(self._handle)) or 8

    def function(self, name: str) -> int | None:
        """The id of a function of the kernel."""
        return self.find(name, _FUNC)

    def has_struct(self, name: str) -> bool:
        return self.find(name, _STRUCT) is not None

    def tracepoint_arguments(self, name: str) -> tuple[str, ...] | None:
        """Kinds ("int", "ptr", ...) of a tracepoint's arguments, from its btf_trace_ typedef."""
        typedef = self.find(f"btf_trace_{name}", _TYPEDEF)
        if typedef is None:
            return None
        pointer = self._type(self._type(typedef).size_or_type)
        prototype = self._type(pointer.size_or_type)
        # struct btf_param { __u32 name_off; __u32 type; }: the first is the probe's own data
        types = [self._u32(prototype.tail + 8 * i + 4) for i in range(1, prototype.vlen)]
        return tuple("ptr" if self._resolve(t).kind == _PTR else "int" for t in types)

    def enum(self, name: str) -> dict[str, int] | None:
        """Enumerators of a named enum."""
        found = self.find(name, _ENUM)
        if found is None:
            return None
        entry = self._type(found)
        # struct btf_enum { __u32 name_off; __s32 val; }
        offsets = range(entry.tail, entry.tail + 8 * entry.vlen, 8)
        return {
            self._name(self._u32(at)): ctypes.c_int32.from_address(at + 4).value for at in offsets
        }

    def has_member(self, structure: str, member: str) -> bool:
        return self._member(structure, member) is not None

    def array_length(self, structure: str, member: str) -> int | None:
        """How many elements a struct's array has; None: no such struct, member or array."""
        found = self._member(structure, member)
        entry = self._resolve(found) if found is not None else None
        if entry is None or entry.kind != _ARRAY:
            return None
        # struct btf_array { __u32 type; __u32 index_type; __u32 nelems; }
        return self._u32(entry.tail + 8)

    def _member(self, structure: str, member: str) -> int | None:
        """The type of a struct's member."""
        found = self.find(structure, _STRUCT)
        if found is None:
            return None
        entry = self._type(found)
        for at in range(entry.tail, entry.tail + 12 * entry.vlen, 12):
            if self._name(self._u32(at)) == member:
                return self._u32(at + 4)
        return None

    def member_offset(self, structure: str, member: str) -> int | None:
        """Where a member is, in bytes, also inside the struct's unnamed structs and unions."""
        found = self.find(structure, _STRUCT)
        inside = None if found is None else self._member_in(self._type(found), member)
        return inside[0] if inside else None

    def path_offset(self, path: str) -> int | None:
        """Of a member of a member: "super_block.s_writers.rw_sem", of the first element where
        one on the way is an array. None where the kernel has no such path."""
        structure, *members = path.split(".")
        found = self.find(structure, _STRUCT)
        offset = 0
        for member in members:
            inside = None if found is None else self._member_in(self._resolve(found), member)
            if inside is None:
                return None
            offset, found = offset + inside[0], self._element(inside[1])
        return offset

    def size_of(self, structure: str) -> int | None:
        """Bytes of a struct; None where the kernel has none of that name."""
        found = self.find(structure, _STRUCT)
        return None if found is None else self._type(found).size_or_type

    def _element(self, type_id: int) -> int:
        """The type of an array's elements; of anything else, itself."""
        entry = self._resolve(type_id)
        # struct btf_array { __u32 type; __u32 index_type; __u32 nelems; }
        return self._u32(entry.tail) if entry.kind == _ARRAY else type_id

    def _member_in(self, entry: BtfType, member: str) -> tuple[int, int] | None:
        """Offset in bytes and type of a member."""
        if entry.kind not in (_STRUCT, _UNION):
            return None
        if entry.tail not in self._members:
            self._members[entry.tail] = self._all_members(entry)
        return self._members[entry.tail].get(member)

    def _all_members(self, entry: BtfType) -> dict[str, tuple[int, int]]:
        """With those of unnamed structs and unions; of one name, the first."""
        result: dict[str, tuple[int, int]] = {}
        # struct btf_member { __u32 name_off; __u32 type; __u32 offset (bits); }
        data = self._bytes(entry.tail, 12 * entry.vlen)
        for name, type_id, bits in struct.iter_unpack("=3I", data):
            offset: int = (bits & 0xFFFFFF) // 8  # with bitfields the top byte is a size
            if name:
                result.setdefault(self._name(name), (offset, type_id))
                continue
            inner = self._resolve(type_id)
            if inner.kind in (_STRUCT, _UNION):
                for within, (at, of_type) in self._all_members(inner).items():
                    result.setdefault(within, (offset + at, of_type))
        return result

    def structure(self, name: str) -> type[ctypes.Structure]:
        """The struct's layout as a ctypes class. Raises LibbpfError where it is unknown."""
        found = self.find(name, _STRUCT)
        if found is None:
            raise LibbpfError(f"struct {name} is not in the object's BTF", 2)
        return self._structure(self._type(found))

    def variables(self, section: str) -> dict[str, tuple[int, int]]:
        """Variables of a data section: name -> (offset, size in bytes)."""
        found = self.find(section, _DATASEC)
        if found is None:
            return {}
        entry = self._type(found)
        result = {}
        for i in range(entry.vlen):
            # struct btf_var_secinfo { __u32 type; __u32 offset; __u32 size; }
            type_id, offset, size = struct.unpack("=3I", self._bytes(entry.tail + 12 * i, 12))
            result[self._type(type_id).name] = (offset, size)
        return result

    def _structure(self, entry: BtfType) -> type[ctypes.Structure]:
        members = []
        for i in range(entry.vlen):
            # struct btf_member { __u32 name_off; __u32 type; __u32 offset (bits); }
            name, type_id, _bits = struct.unpack("=3I", self._bytes(entry.tail + 12 * i, 12))
            members.append((self._name(name), self._ctype(type_id)))
        return type(entry.name, (ctypes.Structure,), {"_fields_": members})

    def _ctype(self, type_id: int) -> Any:
        entry = self._resolve(type_id)
        if entry.kind == _STRUCT:
            return self._structure(entry)
        if entry.kind == _ARRAY:
            # struct btf_array { __u32 type; __u32 index_type; __u32 nelems; }
            element, _, count = struct.unpack("=3I", self._bytes(entry.tail, 12))
            if self._resolve(element).name == "char":
                return ctypes.c_ubyte * count
            return self._ctype(element) * count
        if entry.kind == _INT:
            encoding = self._u32(entry.tail) >> 24 & 0xF
            return _INTEGERS[entry.size_or_type, bool(encoding & _SIGNED)]
        raise LibbpfError(f"BTF kind {entry.kind} in an event", 22)

    def _resolve(self, type_id: int) -> BtfType:
        entry = self._type(type_id)
        while entry.kind in _MODIFIERS:
            entry = self._type(entry.size_or_type)
        return entry

    def _type(self, type_id: int) -> BtfType:
        # struct btf_type { __u32 name_off; __u32 info; __u32 size_or_type; }
        at = check(lib().btf__type_by_id(self._handle, type_id), f"BTF type {type_id}")
        name, info, size_or_type = struct.unpack("=3I", self._bytes(at, 12))
        return BtfType(self._name(name), info >> 24 & 0x1F, info & 0xFFFF, size_or_type, at + 12)

    def _name(self, offset: int) -> str:
        name: bytes | None = lib().btf__name_by_offset(self._handle, offset)
        return (name or b"").decode(errors="replace")

    @staticmethod
    def _bytes(at: int, size: int) -> bytes:
        return ctypes.string_at(at, size)

    @staticmethod
    def _u32(at: int) -> int:
        return ctypes.c_uint32.from_address(at).value

"""A hash map of the BPF programs, read while they write it."""

import ctypes
from collections.abc import Iterator
from functools import cache
from typing import Any

from ktrace.kernel.libbpf import check, lib


class HashMap:
    """A hash map that the kernel writes while it is read."""

    def __init__(
        self,
        descriptor: int,
        key: type[ctypes.Structure],
        value: type[ctypes.Structure],
        most: int = 1024,
    ) -> None:
        """key, value: the structs that it has. most: no more entries are read at a time."""
        self._descriptor, self._key, self._value = descriptor, key, value
        self._most = most

    def entries(self) -> Iterator[tuple[Any, Any]]:
        """Keys and values. One that comes or goes meanwhile may be left out."""
        for key in self._keys():
            value = self._value()
            if self._look_up(key, value):
                yield key, value

    def entries_by_cpu(self) -> Iterator[tuple[Any, list[Any]]]:
        """Of a map that has a value for each CPU; the values of structs of whole words."""
        for key in self._keys():
            values = (self._value * _possible_cpus())()
            if self._look_up(key, values):
                yield key, list(values)

    def delete(self, **members: int) -> None:
        """The entry with these members in its key, if it is there."""
        key = self._key(**members)
        lib().bpf_map_delete_elem(self._descriptor, ctypes.byref(key))

    def _keys(self) -> list[ctypes.Structure]:
        keys: dict[bytes, ctypes.Structure] = {}
        key = None
        while len(keys) < self._most:
            following = self._key()
            at = ctypes.byref(key) if key is not None else None
            if lib().bpf_map_get_next_key(self._descriptor, at, ctypes.byref(following)):
                break
            if bytes(following) in keys:
                break  # a key that went away sends us back to the first
            keys[bytes(following)] = key = following
        return [*keys.values()]

    def _look_up(self, key: ctypes.Structure, value: Any) -> bool:
        found = lib().bpf_map_lookup_elem(self._descriptor, ctypes.byref(key), ctypes.byref(value))
        return bool(found == 0)


@cache
def _possible_cpus() -> int:
    return check(lib().libbpf_num_possible_cpus(), "count the CPUs")

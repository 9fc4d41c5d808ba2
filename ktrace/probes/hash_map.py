"""Hash maps of BPF programs, read from user space."""

import ctypes
from collections.abc import Iterator
from typing import Any

from ktrace.kernel.libbpf import lib


class HashMap:
    """A hash map that the kernel writes while it is read."""

    def __init__(
        self,
        descriptor: int,
        key: type[ctypes.Structure],
        value: type[ctypes.Structure],
        most: int = 1024,
    ) -> None:
        """most: no more entries are read at a time."""
        self._descriptor, self._key, self._value = descriptor, key, value
        self._most = most

    def entries(self) -> Iterator[tuple[Any, Any]]:
        """Keys and values. One that comes or goes meanwhile may be left out."""
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
        for key in keys.values():
            value = self._value()
            found = lib().bpf_map_lookup_elem(
                self._descriptor, ctypes.byref(key), ctypes.byref(value)
            )
            if found == 0:
                yield key, value

    def delete(self, **members: int) -> None:
        """The entry with these members in its key, if it is there."""
        key = self._key(**members)
        lib().bpf_map_delete_elem(self._descriptor, ctypes.byref(key))

"""Tasks that walks show whatever they do, by marks: the maps chain_tasks and walk_only."""

import ctypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ktrace.kernel.libbpf import lib

_EVERYBODY = 0  # of the map walk_only
ITSELF = 255  # the mark of this process


class WalkMarks:
    """maps: descriptors by name, which the caller keeps open."""

    def __init__(self, maps: Mapping[str, int]) -> None:
        self._maps = maps
        self.restricted = False  # a walk shows those of one mark alone

    def set(self, marks: Mapping[int, int]) -> bool:
        """By tid; 0 takes a mark away. False when the table is full."""
        table, held = self._maps["chain_tasks"], True
        for tid, mark in marks.items():
            key, value = ctypes.c_int32(tid), ctypes.c_uint8(mark)
            if not mark:
                lib().bpf_map_delete_elem(table, ctypes.byref(key))
            elif lib().bpf_map_update_elem(table, ctypes.byref(key), ctypes.byref(value), 0):
                held = False
        return held

    @contextmanager
    def only(self, mark: int) -> Iterator[None]:
        """Walks show those of this mark alone."""
        self._restrict(mark)
        try:
            yield
        finally:
            self._restrict(_EVERYBODY)

    def _restrict(self, mark: int) -> None:
        self.restricted = mark != _EVERYBODY
        key, value = ctypes.c_uint32(0), ctypes.c_uint8(mark)
        table = self._maps["walk_only"]
        lib().bpf_map_update_elem(table, ctypes.byref(key), ctypes.byref(value), 0)

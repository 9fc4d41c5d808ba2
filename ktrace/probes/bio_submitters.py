"""Who submitted a bio, as bpf/bios.bpf.c has noted it."""

import ctypes
from collections.abc import Mapping

from ktrace.events import Task
from ktrace.kernel.btf import Btf
from ktrace.kernel.libbpf import lib
from ktrace.package import bpf_object
from ktrace.record import record

OBJECT = "bios"  # sends no events
_MAP = "bio_submitters"
_SECTOR = 512


@record
class BioMembers:
    """By which a bio is known again: its memory may have become another one's."""

    sector: int
    end_io: int
    private: int


class BioSubmitters:
    """Asked only about bios that somebody waits for."""

    def __init__(self, maps: Mapping[str, int]) -> None:
        """maps: descriptors of the maps that all objects share."""
        described = Btf.of_file(bpf_object(OBJECT))
        try:
            self._value = described.structure("bio_submitter")
        finally:
            described.close()
        self._map = maps[_MAP]

    def of(self, bio: int, members: BioMembers) -> Task | None:
        """None where it was submitted before tracing began, or is another one by now."""
        key, value = ctypes.c_uint64(bio), self._value()
        if lib().bpf_map_lookup_elem(self._map, ctypes.byref(key), ctypes.byref(value)):
            return None
        if (value.end_io, value.private) != (members.end_io, members.private):
            return None
        # a bio that is too large for its device is split: what is left of it begins later
        if not 0 <= members.sector - value.sector <= value.size // _SECTOR:
            return None
        name, _, _ = bytes(value.comm).partition(b"\0")
        return Task(value.pid, value.tid, name.decode(errors="backslashreplace"))

"""What BPF and Python say to each other, as the BTF of the prebuilt objects describes it.

bpf/events.h is typed once. Both loaders read it here: bcc compiles the same header.
"""

import ctypes
import sys
import zlib
from functools import cache

from ktrace.kernel.btf import Btf
from ktrace.package import bpf_object
from ktrace.probes.loader import RawEvent

OBJECTS = ("tasks", "oom", "pages", "squashfs")
ON_DEMAND = ("running", "tasks_raw")  # attached only where they are needed
_ENUMS = ("event_kind", "kill_mark", "state_source", "reap_step", "oom_call", "oom_result")
_NO_EVENTS = (  # structs of maps
    "squashfs_call",
    "last_switch",
    "killed_sleep",
    "oom_domain_key",
    "oom_domain_counts",
    "oom_caller_key",
    "oom_caller_counts",
    "walk_place",
)


class Wire:
    """The structs and enums of bpf/events.h, by name."""

    def __init__(self) -> None:
        self.enums: dict[str, dict[str, int]] = {}
        self.layouts: dict[str, type[ctypes.Structure]] = {}
        for name in (*OBJECTS, *ON_DEMAND):
            self._learn(name)
        self.kinds = self.enums["event_kind"]
        self._events = {
            number: (kind, self.layouts[kind.lower()])
            for kind, number in self.kinds.items()
            if kind.lower() in self.layouts
        }

    def words(self, enum: str) -> dict[int, str]:
        """The enumerators as JSON has them: REAP_START is "start"."""
        return {number: word_of(name) for name, number in self.enums[enum].items()}

    def event(self, data: int, size: int) -> RawEvent | None:
        """A copy of the event at this address; None when it is of no known kind."""
        return self.event_of(ctypes.string_at(data, size))

    def event_of(self, data: bytes) -> RawEvent | None:
        """The event of these bytes; None when it is of no known kind."""
        kind = int.from_bytes(data[8:12], sys.byteorder)  # struct event of bpf/events.h
        known = self._events.get(kind)
        if known is None or len(data) < ctypes.sizeof(known[1]):
            return None
        return known[0], known[1].from_buffer_copy(data)

    def digest(self) -> str:
        """Of all enums and structs: two ktraces that say the same to each other have the same."""
        told = [f"{enum} {sorted(words.items())}" for enum, words in sorted(self.enums.items())]
        for struct, layout in sorted(self.layouts.items()):
            fields = [(field[0], getattr(layout, field[0])) for field in layout._fields_]
            told += [f"{struct}.{name} {at.offset} {at.size}" for name, at in fields]
        return f"{zlib.crc32(chr(10).join(told).encode()):08x}"

    def _learn(self, name: str) -> None:
        """From one object: what its programs use."""
        path = bpf_object(name)
        described = Btf.of_file(path)
        try:
            self.enums |= {e: found for e in _ENUMS if (found := described.enum(e))}
            kinds = [kind.lower() for kind in self.enums["event_kind"]]
            for struct in (*kinds, *_NO_EVENTS):
                if struct not in self.layouts and described.has_struct(struct):
                    self.layouts[struct] = described.structure(struct)
        finally:
            described.close()


def word_of(enumerator: str) -> str:
    """ "out_of_memory" of CALL_OUT_OF_MEMORY: without its enum's word, in lower case."""
    return enumerator.partition("_")[2].lower()


@cache
def wire() -> Wire:
    """Of this ktrace's own objects; read once. Raises LibbpfError, CannotTrace."""
    return Wire()

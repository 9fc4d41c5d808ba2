"""What an agent's BPF programs have counted: losses, and calls of the OOM killer."""

import ctypes
import struct
from collections.abc import Iterator

from ktrace.events import Lost, OomDomain
from ktrace.probes.loader import OomCounts
from ktrace.probes.wire import wire

_MOST_COUNTS = 1024  # between two reads; an agent sends at most some 20


class Losses:
    """Totals by kind; tells those that are new."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._names = {number: name.lower() for name, number in wire().kinds.items()}

    def of_kernel(self, t: float, payload: bytes) -> Iterator[Lost]:
        """A frame LOST. Raises struct.error."""
        counts = [count for (count,) in struct.iter_unpack("=Q", payload)]
        for kind, count in enumerate(counts[: len(self._names)]):
            yield from self.lost(t, self._names[kind], count)

    def lost(self, t: float, what: str, count: int) -> Iterator[Lost]:
        """count: the total since the start."""
        if count and count != self._known.get(what):
            self._known[what] = count
            yield Lost(t=t, what=what, count=count)


class SentCounts:
    """In place of a loader's maps, for OomWatch: the newest counts that came."""

    def __init__(self) -> None:
        self._new: list[OomCounts] = []
        names = ("oom_domain_key", "oom_domain_counts", "oom_caller_counts")
        self._key, self._domain, self._caller = (wire().layouts[name] for name in names)

    def add(self, payload: bytes) -> None:
        """A frame COUNTS. Raises ValueError."""
        if len(self._new) >= _MOST_COUNTS:
            raise ValueError("counts without a walk")
        key = self._key.from_buffer_copy(payload)
        at = ctypes.sizeof(self._key)
        domain = self._domain.from_buffer_copy(payload, at)
        starts = range(
            at + ctypes.sizeof(self._domain),
            len(payload) - ctypes.sizeof(self._caller) + 1,
            ctypes.sizeof(self._caller),
        )
        callers = [self._caller.from_buffer_copy(payload, start) for start in starts]
        callers.sort(key=lambda caller: -caller.calls)
        self._new.append(OomCounts(key.cgroup, key.call, domain, tuple(callers)))

    def oom_counts(self, seen: dict[tuple[int, int], int]) -> list[OomCounts]:
        """Those that came since the last call, and say something new."""
        new, self._new = self._new, []
        return [each for each in new if each.domain.calls > seen.get((each.cgroup, each.call), 0)]

    def forget_oom_counts(self, cgroup: int, call: int) -> None:
        """The agent makes room by itself."""


class NoLook:
    """In place of OomLook: the agent does not read a domain's processes."""

    def look(self, t: float, memcg: str | None, cgroup_id: int | None = None) -> OomDomain:
        """Nothing is known."""
        return OomDomain(
            t=t,
            memcg=memcg,
            processes=0,
            limit_kib=None,
            usage_kib=None,
            memory=(),
            tasks=(),
            cgroup_id=cgroup_id,
        )

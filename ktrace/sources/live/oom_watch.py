"""Which domains call out_of_memory() again and again: counts and looks, once a second."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ktrace.events import Event, OomActivity, OomDomain
from ktrace.probes.loader import OomCounts
from ktrace.sources.live.oom_look import OomLook

QUIET_S = 5.0  # a domain's counts are told this long after its last call: so one sees it end
FORGET_S = 60.0  # after its last call a domain makes room in the kernel's table, and here
_MANY_RETRIES = 100  # in a second; fewer are an ordinary day
_LOOK_SHARE = 0.05  # of the time, at most, goes into looking


@dataclass(slots=True)
class _Watched:
    """A domain that the kernel's table has."""

    counts: OomCounts  # the newest
    ended: bool = False  # that its calls have stopped has been told
    next_look: float = 0.0


class Counter(Protocol):
    """The part of a loader that has the counts."""

    def oom_counts(self, seen: dict[tuple[int, int], int]) -> list[OomCounts]: ...

    def forget_oom_counts(self, cgroup: int, call: int) -> None: ...


class Look(Protocol):
    """OomLook, or what stands in for it where there is nothing to look at."""

    def look(self, t: float, memcg: str | None, cgroup_id: int | None = None) -> OomDomain: ...


class OomWatch:
    """Turns the loader's counts into events. It knows no more domains than the kernel's table."""

    def __init__(
        self,
        loader: Counter,
        decode: Callable[[float, OomCounts], OomActivity],
        look: Look | None = None,
    ) -> None:
        self._loader = loader
        self._decode = decode
        self._look: Look = look or OomLook()
        self._watched: dict[tuple[int, int], _Watched] = {}

    def read(self, t: float) -> Iterator[Event]:
        """Counts that are new at time t, and of domains that have just become quiet."""
        seen = {key: known.counts.domain.calls for key, known in self._watched.items()}
        for counts in self._loader.oom_counts(seen):
            key = (counts.cgroup, counts.call)
            new = counts.domain.calls - seen.get(key, 0)
            known = self._watched.setdefault(key, _Watched(counts))
            known.counts, known.ended = counts, False
            activity = self._decode(t, counts)
            if activity.call == "out_of_memory" or new >= _MANY_RETRIES:
                yield from self._looked(t, activity, known)  # first: the count may be a finding
            yield activity
        for key, known in list(self._watched.items()):
            yield from self._quiet(t, key, known)

    def _quiet(self, t: float, key: tuple[int, int], known: _Watched) -> Iterator[Event]:
        """Of a domain whose calls have stopped; a last look at what became of the memory."""
        silent = t - known.counts.domain.last_t / 1e9
        if silent > 1.0 and not known.ended:
            activity = self._decode(t, known.counts)
            yield activity
            known.ended = silent > QUIET_S
            if known.ended and activity.call == "out_of_memory":
                yield from self._looked(t, activity, known, last=True)
        if silent > FORGET_S:
            self._loader.forget_oom_counts(*key)
            del self._watched[key]

    def _looked(
        self, t: float, activity: OomActivity, known: _Watched, last: bool = False
    ) -> Iterator[Event]:
        if t < known.next_look and not last:
            return
        started = time.monotonic()
        looked = self._look.look(t, activity.memcg, activity.cgroup_id)
        took = time.monotonic() - started
        known.next_look = t + took / _LOOK_SHARE
        if looked.memory:  # else nothing could be read: the cgroup is gone, or not mounted
            yield looked

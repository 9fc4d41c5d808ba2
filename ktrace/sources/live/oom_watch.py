"""Which domains call out_of_memory() again and again: counts and looks, once a second."""

import time
from collections.abc import Callable, Iterator

from ktrace.events import Event, OomActivity
from ktrace.probes.loader import Loader, OomCounts
from ktrace.sources.live.oom_look import OomLook

QUIET_S = 5.0  # a domain's counts are told this long after its last call: so one sees it end
_MANY_RETRIES = 100  # in a second; fewer are an ordinary day
_LOOK_SHARE = 0.05  # of the time, at most, goes into looking


class OomWatch:
    """Turns the loader's counts into events."""

    def __init__(
        self,
        loader: Loader,
        decode: Callable[[float, OomCounts], OomActivity],
        look: OomLook | None = None,
    ) -> None:
        self._loader = loader
        self._decode = decode
        self._look = look or OomLook()
        self._seen: dict[tuple[int, int], int] = {}
        self._active: dict[tuple[int, int], OomCounts] = {}
        self._next_look: dict[str | None, float] = {}

    def read(self, t: float) -> Iterator[Event]:
        """Counts that are new at time t, and of domains that have just become quiet."""
        for counts in self._loader.oom_counts(self._seen):
            key = (counts.cgroup, counts.call)
            new = counts.domain.calls - self._seen.get(key, 0)
            self._seen[key] = counts.domain.calls
            self._active[key] = counts
            activity = self._decode(t, counts)
            yield activity
            if activity.call == "out_of_memory" or new >= _MANY_RETRIES:
                yield from self._looked(t, activity.memcg)
        yield from self._quiet(t)

    def _quiet(self, t: float) -> Iterator[Event]:
        """Domains whose calls have stopped, and a last look at what became of the memory."""
        for key, counts in list(self._active.items()):
            silent = t - counts.domain.last_t / 1e9
            if silent > 1.0:
                activity = self._decode(t, counts)
                yield activity
                if silent > QUIET_S:
                    del self._active[key]
                    if activity.call == "out_of_memory":
                        yield self._look.look(t, activity.memcg)

    def _looked(self, t: float, memcg: str | None) -> Iterator[Event]:
        if t < self._next_look.get(memcg, 0.0):
            return
        started = time.monotonic()
        yield self._look.look(t, memcg)
        took = time.monotonic() - started
        self._next_look[memcg] = t + took / _LOOK_SHARE

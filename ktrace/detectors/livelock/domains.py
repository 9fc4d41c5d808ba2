"""The domains that call, as many as there is room for."""

from collections.abc import Iterator

from ktrace.detectors.livelock.domain import Cgroup, Domain

KEPT = 256  # as the kernel's table has: bpf/oom_counts.bpf.h


class Domains:
    """By cgroup and by what is called. The one that was quiet for longest makes room."""

    def __init__(self) -> None:
        self._known: dict[tuple[Cgroup, str], Domain] = {}
        self._past_calls = 0
        self.crowded_out = 0  # made room while they called, or nearly so

    def __iter__(self) -> Iterator[Domain]:
        return iter(list(self._known.values()))

    @property
    def calls(self) -> int:
        """Calls of out_of_memory() in all."""
        now = sum(d.total.calls for d in self._known.values() if d.call == "out_of_memory")
        return self._past_calls + now

    def find(self, cgroup: Cgroup, call: str) -> Domain | None:
        return self._known.get((cgroup, call))

    def of(self, cgroup: Cgroup) -> list[Domain]:
        """Whatever is called in it."""
        return [domain for (key, _), domain in self._known.items() if key == cgroup]

    def keep(self, cgroup: Cgroup, domain: Domain) -> Domain | None:
        """Add it, or put it in the place of the same; the one that made room for it."""
        key = (cgroup, domain.call)
        if key in self._known or len(self._known) < KEPT:
            self._known[key] = domain
            return None
        oldest = min(self._known, key=lambda known: self._known[known].last_t)
        out = self._known.pop(oldest)
        self.forget_calls(out)
        self.crowded_out += out.open is not None or domain.last_t - out.last_t < 60.0
        self._known[key] = domain
        return out

    def forget_calls(self, domain: Domain) -> None:
        """Its counts are over; they stay in the sum."""
        if domain.call == "out_of_memory":
            self._past_calls += domain.total.calls

"""The counts of bpf/oom_counts.bpf.h, read from its maps."""

import ctypes
from collections.abc import Mapping
from typing import Any

from ktrace.probes.hash_map import HashMap
from ktrace.probes.loader import OomCounts

_CALLERS = 8  # busiest that are given with a domain
_LATELY_NS = 2_000_000_000
_STRUCTS = ("oom_domain_key", "oom_domain_counts", "oom_caller_key", "oom_caller_counts")


class OomMaps:
    """layouts: of the structs of bpf/events.h; maps: file descriptors by name."""

    def __init__(
        self, layouts: Mapping[str, type[ctypes.Structure]], maps: Mapping[str, int]
    ) -> None:
        domain_key, domain, caller_key, caller = (layouts[name] for name in _STRUCTS)
        self._domains = HashMap(maps["oom_domains"], domain_key, domain)
        self._callers = HashMap(maps["oom_callers"], caller_key, caller)

    def changed(self, seen: dict[tuple[int, int], int]) -> list[OomCounts]:
        """Domains with more calls than seen has for their (cgroup, call)."""
        domains = [
            (key, value)
            for key, value in self._domains.entries()
            if value.calls > seen.get((key.cgroup, key.call), 0)
        ]
        callers = [*self._callers.entries()] if domains else []
        return [
            OomCounts(key.cgroup, key.call, value, _busiest(key, value, callers))
            for key, value in domains
        ]

    def forget(self, cgroup: int, call: int) -> None:
        """Take a domain out of the table, which is full at 256 and then counts losses."""
        self._domains.delete(cgroup=cgroup, call=call)


def _busiest(key: Any, domain: Any, callers: list[tuple[Any, Any]]) -> tuple[Any, ...]:
    """Of those that called lately."""
    own = [
        caller
        for caller_key, caller in callers
        if (caller_key.cgroup, caller_key.call) == (key.cgroup, key.call)
        and caller.last_t + _LATELY_NS > domain.last_t
    ]
    return tuple(sorted(own, key=lambda caller: -caller.calls)[:_CALLERS])

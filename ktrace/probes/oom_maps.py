"""The counts of bpf/oom_counts.bpf.h, read from its maps."""

import ctypes
from collections.abc import Iterator, Mapping
from typing import Any

from ktrace.kernel.libbpf import lib
from ktrace.probes.loader import OomCounts

_CALLERS = 8  # busiest that are given with a domain
_LATELY_NS = 2_000_000_000
_MOST = 1024  # entries of a map
_STRUCTS = ("oom_domain_key", "oom_domain_counts", "oom_caller_key", "oom_caller_counts")


class OomMaps:
    """layouts: of the structs of bpf/events.h; maps: file descriptors by name."""

    def __init__(
        self, layouts: Mapping[str, type[ctypes.Structure]], maps: Mapping[str, int]
    ) -> None:
        domain_key, domain, caller_key, caller = (layouts[name] for name in _STRUCTS)
        self._domains = _Map(maps["oom_domains"], domain_key, domain)
        self._callers = _Map(maps["oom_callers"], caller_key, caller)

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


class _Map:
    """A hash map that the kernel writes while it is read."""

    def __init__(
        self, descriptor: int, key: type[ctypes.Structure], value: type[ctypes.Structure]
    ) -> None:
        self._descriptor, self._key, self._value = descriptor, key, value

    def entries(self) -> Iterator[tuple[Any, Any]]:
        """Keys and values. One that comes or goes meanwhile may be left out."""
        keys: dict[bytes, ctypes.Structure] = {}
        key = None
        while len(keys) < _MOST:
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

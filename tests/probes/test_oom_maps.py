"""The counts of the kernel, read from maps that change meanwhile."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from ktrace.probes import hash_map
from ktrace.probes.oom_maps import OomMaps

pytestmark = pytest.mark.unit

DOMAINS, CALLERS = 1, 2
SECOND = 10**9


class DomainKey(ctypes.Structure):
    _fields_ = (("cgroup", ctypes.c_uint64), ("call", ctypes.c_uint32))


class CallerKey(ctypes.Structure):
    _fields_ = (("cgroup", ctypes.c_uint64), ("call", ctypes.c_uint32), ("tid", ctypes.c_int32))


class Counts(ctypes.Structure):
    _fields_ = (("calls", ctypes.c_uint64), ("last_t", ctypes.c_uint64))


class FakeLibbpf:
    """Hash maps as the kernel has them: a key that is gone leads to the first."""

    def __init__(self, maps: dict[int, dict[bytes, bytes]]) -> None:
        self.maps = maps
        self.vanish: bytes | None = None  # goes as soon as it has been told

    def bpf_map_get_next_key(self, fd: int, at: Any, following: Any) -> int:
        keys = list(self.maps[fd])
        index = keys.index(bytes(at._obj)) + 1 if at and bytes(at._obj) in keys else 0
        if index >= len(keys):
            return -1
        ctypes.memmove(following, keys[index], len(keys[index]))
        if keys[index] == self.vanish:
            del self.maps[fd][keys[index]]
        return 0

    def bpf_map_lookup_elem(self, fd: int, key: Any, value: Any) -> int:
        found = self.maps[fd].get(bytes(key._obj))
        if found is None:
            return -1
        ctypes.memmove(value, found, len(found))
        return 0

    def bpf_map_delete_elem(self, fd: int, key: Any) -> int:
        return 0 if self.maps[fd].pop(bytes(key._obj), None) else -1


NAMES = ("oom_domain_key", "oom_domain_counts", "oom_caller_key", "oom_caller_counts")
LAYOUTS = dict(zip(NAMES, (DomainKey, Counts, CallerKey, Counts), strict=True))


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> FakeLibbpf:
    fake = FakeLibbpf({DOMAINS: {}, CALLERS: {}})
    monkeypatch.setattr(hash_map, "lib", lambda: fake)
    return fake


@pytest.fixture
def maps(kernel: FakeLibbpf) -> OomMaps:
    return OomMaps(LAYOUTS, {"oom_domains": DOMAINS, "oom_callers": CALLERS})


def count(kernel: FakeLibbpf, cgroup: int, calls: int, last_s: float = 50) -> bytes:
    key = bytes(DomainKey(cgroup, 0))
    kernel.maps[DOMAINS][key] = bytes(Counts(calls, int(last_s * SECOND)))
    return key


def call(kernel: FakeLibbpf, cgroup: int, tid: int, calls: int, last_s: float = 50) -> None:
    key = bytes(CallerKey(cgroup, 0, tid))
    kernel.maps[CALLERS][key] = bytes(Counts(calls, int(last_s * SECOND)))


def test_only_what_is_new(kernel: FakeLibbpf, maps: OomMaps) -> None:
    count(kernel, 7, 100)
    count(kernel, 8, 5)
    assert {c.cgroup: c.domain.calls for c in maps.changed({})} == {7: 100, 8: 5}
    assert [c.cgroup for c in maps.changed({(7, 0): 100, (8, 0): 4})] == [8]
    assert maps.changed({(7, 0): 100, (8, 0): 5}) == []


def test_the_busiest_callers_of_the_domain_that_called_lately(
    kernel: FakeLibbpf, maps: OomMaps
) -> None:
    count(kernel, 7, 100)
    call(kernel, 7, 1, 900, last_s=40)  # long ago
    call(kernel, 8, 2, 900)  # of another domain
    for tid in range(10, 30):
        call(kernel, 7, tid, tid)
    (counts,) = maps.changed({})
    assert [caller.calls for caller in counts.callers] == [29, 28, 27, 26, 25, 24, 23, 22]


def test_a_key_that_goes_meanwhile_does_not_make_it_endless(
    kernel: FakeLibbpf, maps: OomMaps
) -> None:
    count(kernel, 6, 1)
    kernel.vanish = count(kernel, 7, 1)
    count(kernel, 8, 1)
    assert 6 in {c.cgroup for c in maps.changed({})}


def test_a_domain_is_forgotten(kernel: FakeLibbpf, maps: OomMaps) -> None:
    count(kernel, 7, 100)
    count(kernel, 8, 5)
    maps.forget(7, 0)
    maps.forget(9, 0)  # is not there
    assert [c.cgroup for c in maps.changed({})] == [8]

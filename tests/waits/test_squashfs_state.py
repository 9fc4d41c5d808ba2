"""A squashfs cache as it lies in memory: its entries counted, or nothing said."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from ktrace.events import CacheState
from ktrace.kernel.layout import Layout, NotInThisKernel
from ktrace.waits.kernel import Kernel
from ktrace.waits.squashfs_state import WANTS, cache_state

pytestmark = pytest.mark.unit

CACHE, ENTRIES, NAME = 0x1000, 0x2000, 0x3000
OFFSETS = {
    "squashfs_cache.name": 0,
    "squashfs_cache.entries": 8,
    "squashfs_cache.num_waiters": 16,
    "squashfs_cache.entry": 88,
    "squashfs_cache_entry": 64,
    "squashfs_cache_entry.refcount": 12,
    "squashfs_cache_entry.pending": 24,
    "squashfs_cache_entry.num_waiters": 32,
    "squashfs_cache_entry.cache": 56,
}


class Bytes:
    """Memory made of bytes at addresses."""

    def __init__(self, content: dict[int, bytes]) -> None:
        self.content = content

    def read(self, address: int, size: int) -> bytes | None:
        for begin, data in self.content.items():
            if begin <= address < begin + len(data):
                return data[address - begin :][:size]
        return None

    def read_all(self, wanted: Sequence[tuple[int, int]]) -> list[bytes | None]:
        return [self.read(*one) for one in wanted]


def entry(refcount: int, pending: int, waiters: int) -> bytes:
    return struct.pack("=QiiQiii20xQ", 4096, 100, refcount, 0, pending, 0, waiters, CACHE)


def kernel(*entries: bytes, name: bytes = b"fragment\0", count: int | None = None) -> Kernel:
    number = len(entries) if count is None else count
    content = {
        CACHE: struct.pack("=Qiiii64xQ", NAME, number, 0, 2, 0, ENTRIES),
        ENTRIES: b"".join(entries),
        NAME: name.ljust(16, b"\0"),
    }
    return Kernel(
        memory=Bytes(content),
        layout=Layout({path: OFFSETS.get(path) for path in WANTS}),
        symbol=lambda _: "",
        data_symbol=lambda _: "",
        variable=lambda _: None,
        enums={},
        file_systems=frozenset(),
        mounts={},
    )


def test_entries_in_use_and_pending_and_who_waits() -> None:
    found = cache_state(kernel(entry(3, 1, 2), entry(1, 0, 7), entry(0, 0, 0)), CACHE, "fragment")
    assert found == CacheState(in_use=2, pending=1, waited_for=2, waiting=2)


@pytest.mark.parametrize(
    "freed",
    [
        kernel(entry(1, 0, 0), name=b"metadata\0"),
        kernel(entry(1, 0, 0)[:-8] + struct.pack("=Q", 0xDEAD)),
        kernel(entry(1, 0, 0), count=0),
        kernel(entry(1, 0, 0), count=1 << 20),
        kernel(entry(1, 0, 0), count=2),
    ],
    ids=["another name", "not its entry", "no entries", "too many", "the second is not there"],
)
def test_what_is_no_such_cache_any_more(freed: Kernel) -> None:
    assert cache_state(freed, CACHE, "fragment") is None


def test_without_types_of_the_module() -> None:
    untyped = kernel(entry(1, 0, 0))
    untyped.layout = Layout(dict.fromkeys(WANTS))
    with pytest.raises(NotInThisKernel):
        cache_state(untyped, CACHE, "fragment")

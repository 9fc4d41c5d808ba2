"""A wait for squashfs's cache: the pending entry, or a free one, and the cache's numbers."""

import pytest

from ktrace.waits.kinds.squashfs_cache import KIND
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit

ENTRY, ENTRIES = 88, 3  # sizeof(struct squashfs_cache_entry), of a fragment cache
OFFSETS: dict[str, int | None] = {
    "squashfs_cache.name": 0,
    "squashfs_cache.entries": 8,
    "squashfs_cache.num_waiters": 20,
    "squashfs_cache.unused": 24,
    "squashfs_cache.wait_queue": 40,
    "squashfs_cache.entry": 64,
    "squashfs_cache_entry": ENTRY,
    "squashfs_cache_entry.block": 0,
    "squashfs_cache_entry.wait_queue": 40,
    "squashfs_cache_entry.cache": 64,
    "squashfs_sb_info.block_cache": 16,
    "squashfs_sb_info.fragment_cache": 24,
    "squashfs_sb_info.read_page": 32,
    "super_block.s_fs_info": 888,
}


class Cache:
    """A fragment cache all of whose entries are in use, and a task that waits in it."""

    def __init__(self) -> None:
        self.heap = heap = Heap(OFFSETS)
        name = heap.new(16)
        heap.write(name, b"fragment\0")
        self.address, self.entries = heap.new(128), heap.new(ENTRIES * ENTRY)
        heap.put(self.address, name)
        heap.write(self.address + 8, ENTRIES.to_bytes(4, "little"))
        heap.write(self.address + 20, (1).to_bytes(4, "little"))
        heap.put(self.address + 64, self.entries)
        for number in range(ENTRIES):
            heap.put(self.entries + number * ENTRY, 1000 + number)
            heap.put(self.entries + number * ENTRY + 64, self.address)
        self.task = heap.task(11, "reader")

    def wait_at(self, queue: int) -> str:
        """What is told of the task that waits in that wait_queue_head."""
        heap = self.heap
        entry = heap.sp(self.task) + 0x100
        heap.put(entry + heap.layout["wait_queue_entry.private"], self.task)
        heap.functions[0xFFFFFFFF81000000] = "autoremove_wake_function"
        heap.put(entry + heap.layout["wait_queue_entry.func"], 0xFFFFFFFF81000000)
        heap.link(queue + 8, [entry + heap.layout["wait_queue_entry.entry"]])
        found = KIND.read(heap.sleeper(self.task, "squashfs_cache_get"), heap.kernel)
        assert found
        assert found.waiters == (self.task,)
        return found.detail


def test_a_full_cache() -> None:
    cache = Cache()
    assert cache.wait_at(cache.address + 40) == (
        "a free entry of the fragment cache (entries: 3, unused: 0, waiting for a free one: 1)"
    )


def test_an_entry_that_somebody_fills() -> None:
    cache = Cache()
    told = cache.wait_at(cache.entries + ENTRY + 40)
    assert told.startswith("block 1001, which somebody reads into an entry of the fragment cache")

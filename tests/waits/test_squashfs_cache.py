"""A wait for squashfs's cache: the pending entry, or a free one, and the cache's numbers."""

import pytest

from ktrace.kernel.word_width import WIDTH_32, WIDTH_64, Width
from ktrace.waits.kinds.squashfs_cache import KIND
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit

ENTRIES = 3  # of a fragment cache
# by the kernel's word width: of 6.18 on x86-64, and of Debian's 6.1.0-50-armmp
OFFSETS: dict[Width, dict[str, int | None]] = {
    WIDTH_64: {
        "squashfs_cache.name": 0,
        "squashfs_cache.entries": 8,
        "squashfs_cache.num_waiters": 20,
        "squashfs_cache.unused": 24,
        "squashfs_cache.wait_queue": 40,
        "squashfs_cache.entry": 64,
        "squashfs_cache_entry": 88,
        "squashfs_cache_entry.block": 0,
        "squashfs_cache_entry.wait_queue": 40,
        "squashfs_cache_entry.cache": 64,
        "squashfs_sb_info.block_cache": 16,
        "squashfs_sb_info.fragment_cache": 24,
        "squashfs_sb_info.read_page": 32,
        "super_block.s_fs_info": 888,
        "super_block.s_type": 40,
        "super_block.s_dev": 16,
        "super_block.s_id": 1000,
        "file_system_type.name": 0,
    },
    WIDTH_32: {
        "squashfs_cache.name": 0,
        "squashfs_cache.entries": 4,
        "squashfs_cache.num_waiters": 16,
        "squashfs_cache.unused": 20,
        "squashfs_cache.wait_queue": 36,
        "squashfs_cache.entry": 48,
        "squashfs_cache_entry": 64,
        "squashfs_cache_entry.block": 0,
        "squashfs_cache_entry.wait_queue": 36,
        "squashfs_cache_entry.cache": 48,
        "squashfs_sb_info.block_cache": 12,
        "squashfs_sb_info.fragment_cache": 16,
        "squashfs_sb_info.read_page": 20,
        "super_block.s_fs_info": 564,
        "super_block.s_type": 32,
        "super_block.s_dev": 8,
        "super_block.s_id": 600,
        "file_system_type.name": 0,
        "list_head.next": 0,
        "list_head.prev": 4,
        "task_struct.stack": 540,
        "task_struct.pid": 1584,
        "task_struct.tgid": 1588,
        "task_struct.comm": 1920,
        "task_struct.thread_info.cpu_context.sp": 48,
        "wait_queue_entry.private": 4,
        "wait_queue_entry.func": 8,
        "wait_queue_entry.entry": 12,
        "wait_queue_head.head": 4,
    },
}
WAKES = 0xC1000000 | 0xFFFFFFFF00000000  # autoremove_wake_function()


class Cache:
    """A fragment cache all of whose entries are in use, and a task that waits in it."""

    def __init__(self, width: Width) -> None:
        self.heap = heap = Heap(OFFSETS[width], width)
        self.entry = heap.layout["squashfs_cache_entry"]
        name = heap.new(16)
        heap.write(name, b"fragment\0")
        self.address, self.entries = heap.new(128), heap.new(ENTRIES * self.entry)
        heap.put(self._at("name"), name)
        heap.write(self._at("entries"), ENTRIES.to_bytes(4, "little"))
        heap.write(self._at("num_waiters"), (1).to_bytes(4, "little"))
        heap.put(self._at("entry"), self.entries)
        for number in range(ENTRIES):
            entry = self.entries + number * self.entry
            heap.write(entry, (5_000_000_000 + number).to_bytes(8, "little"))  # block
            heap.put(entry + heap.layout["squashfs_cache_entry.cache"], self.address)
        self.task = heap.task(11, "reader")

    def _at(self, member: str) -> int:
        return self.address + self.heap.layout[f"squashfs_cache.{member}"]

    def mount(self) -> None:
        """A super block whose cache it is, of which the task's stack has a pointer."""
        heap, layout = self.heap, self.heap.layout
        block, private, kind, name = heap.new(1024), heap.new(64), heap.new(16), heap.new(32)
        heap.write(name, b"squashfs")
        heap.put(kind, name)
        heap.put(block + layout["super_block.s_type"], kind)
        heap.write(block + layout["super_block.s_id"], b"vdc\0")
        heap.put(block + layout["super_block.s_fs_info"], private)
        heap.put(private + layout["squashfs_sb_info.fragment_cache"], self.address)
        heap.put(heap.sp(self.task) + 0x40, block)
        heap.kernel.file_systems = frozenset({"squashfs"})

    def wait_at(self, queue: int) -> str:
        """What is told of the task that waits in that wait_queue_head."""
        heap, layout = self.heap, self.heap.layout
        entry = heap.sp(self.task) + 0x100
        wakes = WAKES & layout.width.greatest
        heap.put(entry + layout["wait_queue_entry.private"], self.task)
        heap.functions[wakes] = "autoremove_wake_function"
        heap.put(entry + layout["wait_queue_entry.func"], wakes)
        head = queue + layout["wait_queue_head.head"]
        heap.link(head, [entry + layout["wait_queue_entry.entry"]])
        found = KIND.read(heap.sleeper(self.task, "squashfs_cache_get"), heap.kernel)
        assert found
        assert found.waiters == (self.task,)
        return found.detail


@pytest.fixture(params=[WIDTH_64, WIDTH_32], ids=["64 bits", "32 bits"])
def cache(request: pytest.FixtureRequest) -> Cache:
    return Cache(request.param)


def test_a_full_cache(cache: Cache) -> None:
    queue = cache.address + cache.heap.layout["squashfs_cache.wait_queue"]
    assert cache.wait_at(queue) == (
        "a free entry of the fragment cache (entries: 3, unused: 0, waiting for a free one: 1)"
    )


def test_a_full_cache_is_no_pending_entry(cache: Cache) -> None:
    """The two have their wait queues at one offset, and what an entry says of itself (its length,
    or where its block is) is read as a number of entries."""
    heap = cache.heap
    heap.write(cache.entries + heap.layout["squashfs_cache.entries"], b"\1\0\0\0")
    told = cache.wait_at(cache.address + heap.layout["squashfs_cache.wait_queue"])
    assert told.startswith("a free entry of the fragment cache")


def test_an_entry_that_somebody_fills(cache: Cache) -> None:
    queue = cache.entries + cache.entry + cache.heap.layout["squashfs_cache_entry.wait_queue"]
    told = cache.wait_at(queue)
    assert told.startswith(
        "block 5000000001, which somebody reads into an entry of the fragment cache"
    )


def test_the_super_block_whose_cache_it_is(cache: Cache) -> None:
    cache.mount()
    told = cache.wait_at(cache.address + cache.heap.layout["squashfs_cache.wait_queue"])
    assert told.startswith("a free entry of the fragment cache of squashfs on vdc (")

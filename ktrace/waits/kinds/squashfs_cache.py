"""squashfs's caches of fragments and metadata: squashfs_cache_get() of fs/squashfs/cache.c.

It waits in one of two queues: the entry's, until somebody has filled it, or the cache's, until an
entry is free. Who fills or holds entries the cache does not keep: their stacks tell
(ktrace.detectors.squashfs).
"""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_of

_FUNCTION = "squashfs_cache_get"
_CACHES = ("block_cache", "fragment_cache", "read_page")  # of struct squashfs_sb_info
_NAMES = ("metadata", "fragment", "data")  # squashfs_fill_super() of fs/squashfs/super.c
_MOST_ENTRIES = 1 << 12
_NAME = 16


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if sleeper.function != _FUNCTION:
        return None
    queue = queue_of(sleeper, kernel)
    if queue is None:
        return None
    layout = kernel.layout
    head = queue.head - layout["wait_queue_head.head"]
    pending = head - layout["squashfs_cache_entry.wait_queue"]
    cache = kernel.member(pending, "squashfs_cache_entry.cache") or 0
    if not _is_of(pending, cache, kernel):
        pending, cache = 0, head - layout["squashfs_cache.wait_queue"]
    where = _super_block(cache, sleeper, kernel)
    name = _name(cache, kernel)
    if name not in _NAMES:
        return None
    what = _pending(pending, kernel) if pending else "a free entry"
    return Found(
        "squashfs-cache",
        pending or cache,
        f"{what} of the {name} cache{where and f' of {where}'} ({_numbers(cache, kernel)})",
        ("wait_queue_entry on its stack", "squashfs_cache"),
        waiters=queue.waiters,
    )


def _is_of(entry: int, cache: int, kernel: Kernel) -> bool:
    """Does the entry lie in the cache's array of them? A cache and its first entry look like an
    entry and its cache, but for the name."""
    if not cache or _name(cache, kernel) not in _NAMES:
        return False
    first = kernel.member(cache, "squashfs_cache.entry")
    count = kernel.number(cache, "squashfs_cache.entries") if first else None
    size = kernel.layout["squashfs_cache_entry"]
    if not first or count is None or not 0 < count <= _MOST_ENTRIES:
        return False
    return 0 <= entry - first < count * size and (entry - first) % size == 0


def _pending(entry: int, kernel: Kernel) -> str:
    block = kernel.wide_member(entry, "squashfs_cache_entry.block")
    return f"block {block}, which somebody reads into an entry"


def _name(cache: int, kernel: Kernel) -> str:
    at = kernel.member(cache, "squashfs_cache.name")
    return kernel.text(at, _NAME) if at else ""


def _numbers(cache: int, kernel: Kernel) -> str:
    entries = kernel.number(cache, "squashfs_cache.entries")
    unused = kernel.number(cache, "squashfs_cache.unused")
    waiting = kernel.number(cache, "squashfs_cache.num_waiters")
    return f"entries: {entries}, unused: {unused}, waiting for a free one: {waiting}"


def _super_block(cache: int, sleeper: Sleeper, kernel: Kernel) -> str:
    """Whose cache it is: squashfs_cache_get() has the super block at hand."""
    for word in sleeper.elsewhere():
        private = kernel.member(word, "super_block.s_fs_info")
        caches = (f"squashfs_sb_info.{name}" for name in _CACHES)
        if not private or not kernel.width.is_address(private):
            continue
        if cache in (kernel.member(private, at) for at in caches):
            found = kernel.file_system(word)
            return found.text if found else ""
    return ""


KIND = Kind(
    "squashfs-cache",
    (
        *WANTS,
        *(f"squashfs_sb_info.{name}" for name in _CACHES),
        "super_block.s_fs_info",
        "squashfs_cache.name",
        "squashfs_cache.entries",
        "squashfs_cache.unused",
        "squashfs_cache.num_waiters",
        "squashfs_cache.entry",
        "squashfs_cache.wait_queue",
        "squashfs_cache_entry",
        "squashfs_cache_entry.wait_queue",
        "squashfs_cache_entry.cache",
        "squashfs_cache_entry.block",
    ),
    _read,
    tells="the pending block or the full cache, of which super block; its entries, unused, waiters",
    holder="who reads the block or holds the entries, by their stacks",
    released="they",
    seen="6.1",
)

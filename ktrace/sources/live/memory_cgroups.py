"""The files of a memory cgroup, of v2 and v1."""

import os
from collections.abc import Iterator

from ktrace.events import MemoryCount

_READ_BYTES = 1 << 16
_UNLIMITED_KIB = 1 << 50  # cgroup v1 says a huge number where v2 says "max"
# Of memory.stat; v1's names begin with total_ where they count children too
_STAT = tuple(
    "anon rss file cache shmem unevictable kernel slab_unreclaimable sock percpu pagetables "
    "kernel_stack".split()
)


def memory_mounts(mountinfo: str) -> Iterator[tuple[str, str]]:
    """Which cgroup each mount shows, "" for the root, and where: of v1's with memory, and of v2."""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        mount, kind = left.split(), right.split()
        if len(mount) < 5 or not kind:
            continue
        v1 = kind[0] == "cgroup" and "memory" in kind[-1].split(",")
        if v1 or kind[0] == "cgroup2":
            yield mount[3].rstrip("/"), mount[4]


def memory_folder(path: str, mountinfo: str) -> str | None:
    """The folder of the memory cgroup with that path; None where no mount shows it."""
    for root, point in memory_mounts(mountinfo):
        if not path.startswith(root + "/") and path != root:
            continue
        folder = os.path.join(point, path[len(root) :].lstrip("/"))
        if os.path.exists(os.path.join(folder, "memory.stat")):
            return folder
    return None


def is_cgroup(folder: str, kernfs_id: int) -> bool:
    """Its inode number is the id, or the lower half of it: kernfs_id_ino(), include/linux/kernfs.h,
    where ino_t has 32 bits, and every kernel before v5.5 (40430452fd5d)."""
    try:
        inode = os.stat(folder).st_ino
    except OSError:
        return False
    return inode in (kernfs_id, kernfs_id & 0xFFFFFFFF)


def limit_and_usage(folder: str | None) -> tuple[int | None, int | None]:
    """KiB, of cgroup v2 or v1; None where it has no limit or is not there."""
    if folder is None:
        return None, None
    limit = _bytes_of(folder, "memory.max") or _bytes_of(folder, "memory.limit_in_bytes")
    usage = _bytes_of(folder, "memory.current") or _bytes_of(folder, "memory.usage_in_bytes")
    return (limit if limit is not None and limit < _UNLIMITED_KIB else None), usage


def memory_stat(folder: str | None) -> tuple[MemoryCount, ...]:
    """By the names of v2's memory.stat, KiB."""
    if folder is None:
        return ()
    lines = [line.split() for line in text_of(os.path.join(folder, "memory.stat")).splitlines()]
    counts = {words[0]: int(words[1]) // 1024 for words in lines if len(words) == 2}
    v1 = "total_rss" in counts
    found = [(name, counts.get(f"total_{name}" if v1 else name)) for name in _STAT]
    return tuple(MemoryCount(name, kib) for name, kib in found if kib is not None)


def _bytes_of(folder: str, name: str) -> int | None:
    text = text_of(os.path.join(folder, name)).strip()
    return int(text) // 1024 if text.isdigit() else None


def text_of(path: str) -> str:
    """Empty when it is gone: a process or cgroup may end at any moment."""
    parts = []
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while part := os.read(file, _READ_BYTES):
                parts.append(part)
        finally:
            os.close(file)
    except OSError:
        return ""
    return b"".join(parts).decode(errors="backslashreplace")

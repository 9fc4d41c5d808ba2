"""fs/squashfs: calls of its caches, and what they do."""

from typing import ClassVar

from ktrace.events.event import Event, Task
from ktrace.record import record

FILES = "files"  # the name of what goes past the caches: whole blocks of files


@record
class SquashfsCall:
    """The newest call of squashfs_cache_get() (fs/squashfs/cache.c) by a thread."""

    t: float
    cache: str  # address of struct squashfs_cache, hexadecimal
    name: str  # of the cache: fragment, metadata, data; empty without BTF of the module
    device: str  # super_block.s_id
    block: int  # byte position on the device


@record
class Longest:
    """The longest of a kind, since tracing began."""

    s: float
    t: float  # when it ended
    task: Task


@record
class CacheState:
    """A cache as it was read, without its lock: the numbers may be of moments apart."""

    in_use: int  # entries with a reference
    pending: int  # of these, such as are being filled
    waited_for: int  # threads that sleep until one of these is filled
    waiting: int  # threads that sleep until an entry is free


@record
class CacheUse:
    """What a cache did since tracing began; or, without a name, the blocks of files that go past
    the caches, where calls are reads of files (squashfs_readahead(), squashfs_read_folio()).

    Times are seconds, of all threads together. slept and disk: calls, or reads, by their time; the
    n-th number counts those of at least 2^n microseconds.
    """

    cache: str  # address, hexadecimal
    device: str  # super_block.s_id
    dev: str  # "7:0"
    name: str  # metadata, fragment, data; files: blocks past the caches; "": not known
    mount: str  # "": not known
    entries: int  # 0: not known, as for block_size
    block_size: int  # bytes of an entry
    calls: int
    hits: int
    fills: int  # blocks read and decompressed
    again: int  # of these, such as had been, within again_s before
    failed: int
    slept_full: int  # calls that slept until an entry was free
    slept_pending: int  # calls that slept until somebody else had filled the entry of their block
    slept_s: float
    disk_s: float  # until the block had come, of disk_reads
    disk_reads: int
    inflate_s: float  # from then until it was used; not of blocks past the caches
    held_s: float  # entries, from their first use until they were given back
    # bytes of these blocks; 0 also where the kernel's structs cannot be read: see measured()
    bytes_read: int  # on the device, compressed
    bytes_inflated: int
    bytes_again: int  # of these, of the blocks in again
    bytes_used: int  # copied out of entries; 0 of blocks past the caches, whose use is not seen
    longest_wait: Longest | None
    longest_hold: Longest | None
    slept: tuple[int, ...]
    disk: tuple[int, ...]
    state: CacheState | None  # None: it could not be read

    def measured(self, total: int) -> int | None:
        """total: bytes_read or bytes_inflated. None: not measured, since a block that was read has
        some; without BTF of the module, say."""
        return total if total or self.fills <= self.failed else None


@record
class FileUse:
    """Blocks and fragments that were read for a file."""

    dev: str
    inode: int
    path: str  # in its file system; its beginning is missing where it is deep; "": not known
    fills: int
    again: int
    bytes_read: int
    slept_s: float


@record
class ProbeCost:
    """What the BPF program on a function took, while the kernel's statistics of them were on."""

    function: str
    runs: int
    ns: int


@record(kw_only=True)
class SquashfsCounts(Event):
    """What squashfs has done since tracing began, where that has changed; once a second."""

    name: ClassVar[str] = "squashfs_counts"
    again_s: float
    caches: tuple[CacheUse, ...]
    files: tuple[FileUse, ...]  # those with the most bytes read since the event before
    file_pages_kib: int | None  # page cache of the machine (Active(file), Inactive(file))
    available_kib: int | None
    refaults: int | None  # workingset_refault_file of /proc/vmstat: pages read again too soon
    page_kib: int
    costs: tuple[ProbeCost, ...] = ()  # empty: not measured
    costs_over_s: float = 0.0  # so long the statistics have been on
    no_costs: str = ""  # why they are not measured

    def has_waiters(self) -> bool:
        """Does a thread sleep for an entry of one of these caches?"""
        states = [use.state for use in self.caches if use.state]
        return any(state.waiting + state.waited_for for state in states)

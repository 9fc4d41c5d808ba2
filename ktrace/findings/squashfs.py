"""What squashfs does over and over again."""

from typing import ClassVar

from ktrace.events import FileUse, Longest, ProbeCost, Task
from ktrace.findings.finding import Finding
from ktrace.record import record


@record
class SquashfsWaiter:
    """A thread asleep in squashfs_cache_get(). None, "": not known."""

    task: Task
    asleep_s: float | None
    cache: str
    device: str
    holders: tuple[Task, ...]  # who reads its block, or holds the entries
    why: str  # they are the ones
    holder_in: str  # where the first of them is asleep itself


@record(kw_only=True)
class SquashfsThrash(Finding):
    """Most blocks that a cache, or a file past the caches, reads had been there just before.

    Numbers are of over_s seconds until t; times are seconds of all threads together. None: not
    measured.
    """

    finding: ClassVar[str] = "squashfs-thrash"
    device: str  # super_block.s_id
    dev: str  # "7:0"
    mount: str  # "": not known
    cache: str  # metadata, fragment, data; files: blocks that go past the caches
    entries: int | None
    block_size: int | None  # bytes of an entry
    since_t: float
    over_s: float
    again_s: float  # blocks read once more within so long count as again
    calls: int | None  # of squashfs_cache_get(); of files: reads of pages
    hits: int | None
    fills: int  # blocks read and decompressed
    again: int
    bytes_read: int | None  # compressed
    bytes_inflated: int | None
    bytes_again: int | None
    bytes_used: int | None  # copied out of the cache
    slept_full: int  # calls that slept until an entry was free
    slept_pending: int  # calls that slept until somebody else had filled the entry
    slept_s: float
    disk_s: float | None
    inflate_s: float | None
    longest_wait: Longest | None  # since tracing began
    files: tuple[FileUse, ...]  # with what was read for each since tracing began
    file_pages_kib: int | None  # page cache of the machine
    available_kib: int | None
    refaults_kib: int | None  # pages of files that were read again soon after they were dropped
    # calls that slept, and reads, by their time: the n-th number counts those of at least 2^n
    # microseconds
    slept: tuple[int, ...] | None = None
    disk: tuple[int, ...] | None = None
    longest_hold: Longest | None = None  # since tracing began
    waiters: tuple[SquashfsWaiter, ...] = ()  # at the newest walk; who has slept longest is first
    costs: tuple[ProbeCost, ...] | None = None  # of ktrace's probes, since tracing began

    @property
    def signature(self) -> str:
        return f"{self.finding}: {self.cache}"

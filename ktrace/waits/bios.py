"""Bios, and which of them is waited for: include/linux/blk_types.h."""

from collections.abc import Iterable, Iterator
from mmap import PAGESIZE
from typing import TYPE_CHECKING, Generic, TypeVar

from ktrace.probes.bio_submitters import BioMembers
from ktrace.record import record

if TYPE_CHECKING:
    from ktrace.events import Task
    from ktrace.waits.kernel import Kernel

_KNOWN_BY = ("bio.bi_iter.bi_sector", "bio.bi_end_io", "bio.bi_private")
WANTS = (
    *_KNOWN_BY,
    "bio.bi_next",
    "bio.bi_vcnt",
    "bio.bi_io_vec",
    "bio_vec",
    "bio_vec.bv_page",
    "bio_vec.bv_len",
    "page",
)
_MOST_PAGES = 256  # BIO_MAX_VECS
Place = TypeVar("Place")


@record
class Wanted:
    """What is waited for: the bio itself, one whose bi_private is that, or one that reads or
    writes that page, by their addresses."""

    bio: int = 0
    private: int = 0
    page: int = 0


class BioIndex(Generic[Place]):
    """Bios, and the place where each is; read as far as somebody asks."""

    def __init__(self, kernel: "Kernel", places: Iterable[tuple[int, Place]]) -> None:
        self._kernel = kernel
        self._places = dict(places)
        self._privates: dict[int, int] | None = None  # bios by what their owners put into them
        self._pages: list[tuple[int, int, int]] | None = None  # from, to, bio

    def find(self, wanted: Wanted) -> tuple[int, Place] | None:
        """The bio, and where it is; None where none of these is wanted."""
        bio = self._bio_of(wanted) if self._places else 0
        return (bio, self._places[bio]) if bio in self._places else None

    def _bio_of(self, wanted: Wanted) -> int:
        if wanted.bio:
            return wanted.bio
        if wanted.private:
            return self._by_private().get(wanted.private, 0)
        pages = self._by_page()
        return next((bio for first, end, bio in pages if first <= wanted.page < end), 0)

    def _by_private(self) -> dict[int, int]:
        if self._privates is None:
            offset = self._kernel.layout["bio.bi_private"]
            read = self._kernel.members([*self._places], offset)
            self._privates = {private: bio for bio, private in read}
        return self._privates

    def _by_page(self) -> list[tuple[int, int, int]]:
        if self._pages is None:
            self._pages = [
                (first, end, bio)
                for bio in self._places
                for first, end in _pages(self._kernel, bio)
            ]
        return self._pages


def _pages(kernel: "Kernel", bio: int) -> Iterator[tuple[int, int]]:
    """Of each segment of its own, the struct pages from the first to behind the last. A clone has
    the segments of another bio, and none of its own."""
    layout = kernel.layout
    count = kernel.memory.read(bio + layout["bio.bi_vcnt"], 2)
    at = kernel.member(bio, "bio.bi_io_vec")
    if not count or not at:
        return
    size, page_at, length_at = (
        layout[path] for path in ("bio_vec", "bio_vec.bv_page", "bio_vec.bv_len")
    )
    number = min(int.from_bytes(count, "little"), _MOST_PAGES)
    segments = kernel.memory.read_all([(at + size * each, size) for each in range(number)])
    for segment in filter(None, segments):
        first = int.from_bytes(segment[page_at : page_at + kernel.width.word], "little")
        length = int.from_bytes(segment[length_at : length_at + 4], "little")
        yield first, first + max(1, length // PAGESIZE) * layout["page"]


def chain(kernel: "Kernel", first: int | None, most: int) -> Iterator[int]:
    """The bio and those that bi_next leads to."""
    bio = first
    for _ in range(most):
        if not bio:
            return
        yield bio
        bio = kernel.member(bio, "bio.bi_next")


def submitter(kernel: "Kernel", bio: int) -> "Task | None":
    """Who submitted it, where the block tracepoints saw it."""
    if not kernel.layout.has(*_KNOWN_BY):
        return None
    sector, *pointers = _KNOWN_BY
    end_io, private = (kernel.member(bio, path) or 0 for path in pointers)
    members = BioMembers(kernel.wide_member(bio, sector) or 0, end_io, private)
    return kernel.submitted(bio, members)

"""Bios, and which of them is waited for: include/linux/blk_types.h."""

from collections.abc import Iterator

from ktrace.record import record
from ktrace.waits.kernel import Kernel

WANTS = (
    "bio.bi_next",
    "bio.bi_private",
    "bio.bi_vcnt",
    "bio.bi_io_vec",
    "bio_vec",
    "bio_vec.bv_page",
    "bio_vec.bv_len",
    "page",
)
_MOST_PAGES = 256  # BIO_MAX_VECS
_PAGE_SHIFT = 12


@record
class Wanted:
    """What is waited for: the bio itself, one whose bi_private is that, or one that reads or
    writes that page, by their addresses."""

    bio: int = 0
    private: int = 0
    page: int = 0

    def is_in(self, kernel: Kernel, bio: int) -> bool:
        if self.bio:
            return bio == self.bio
        if self.private:
            return kernel.member(bio, "bio.bi_private") == self.private
        return any(first <= self.page < end for first, end in _pages(kernel, bio))


def _pages(kernel: Kernel, bio: int) -> Iterator[tuple[int, int]]:
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
        first = int.from_bytes(segment[page_at : page_at + 8], "little")
        length = int.from_bytes(segment[length_at : length_at + 4], "little")
        yield first, first + max(1, length >> _PAGE_SHIFT) * layout["page"]


def chain(kernel: Kernel, first: int | None, most: int) -> Iterator[int]:
    """The bio and those that bi_next leads to."""
    bio = first
    for _ in range(most):
        if not bio:
            return
        yield bio
        bio = kernel.member(bio, "bio.bi_next")

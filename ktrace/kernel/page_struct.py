"""The members of struct page that bad_page() judges, found by BTF."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ktrace.events import Stack
from ktrace.kernel.wait_functions import function_of

if TYPE_CHECKING:
    from ktrace.kernel.btf import Btf

_WORD = 8

# Functions of mm/page_alloc.c that lead to bad_page(), from v4.9 to v6.18, and so name its path.
# Which of them are there depends on what the compiler inlined.
_ALLOC = frozenset(
    "check_new_page check_new_pages check_new_page_bad check_new_pcp check_pcp_refill rmqueue "
    "rmqueue_bulk rmqueue_pcplist __rmqueue_pcplist prep_new_page get_page_from_freelist "
    "buffered_rmqueue".split()
)
_FREE = frozenset(
    "free_page_is_bad_report free_page_is_bad check_free_page check_free_page_bad "
    "free_pages_check free_pages_check_bad free_pages_prepare __free_pages_prepare "
    "free_tail_page_prepare free_tail_pages_check free_pcp_prepare bulkfree_pcp_prepare "
    "free_pcppages_bulk free_unref_page free_unref_page_prepare free_unref_page_list "
    "free_unref_folios __free_pages_ok free_frozen_pages __free_frozen_pages free_hot_cold_page "
    "__free_pages free_pages drain_pages_zone __folio_put".split()
)


@dataclass(frozen=True, slots=True)
class Counts:
    """What a page counts and points to. None: this kernel's struct page has no such member."""

    refcount: int | None
    mapcount: int | None  # as the kernel prints it: _mapcount + 1, so 0 when nobody maps the page
    mapping: int | None
    memcg: int | None
    pp_magic: int | None


@dataclass(frozen=True, slots=True)
class PageStruct:
    """Offsets in bytes, as far as this kernel has the members."""

    offsets: dict[str, int]

    @classmethod
    def of_btf(cls, btf: "Btf") -> "PageStruct":
        found = {
            name: btf.member_offset("page", name)
            for name in ("_refcount", "_mapcount", "mapping", "memcg_data", "pp_magic")
        }
        return cls({name: at for name, at in found.items() if at is not None})

    def counts(self, words: Sequence[int]) -> Counts:
        """Of the first words of a struct page, 64 bit each."""
        mapcount = self._int(words, "_mapcount")
        return Counts(
            refcount=self._int(words, "_refcount"),
            mapcount=None if mapcount is None else mapcount + 1,
            mapping=self._word(words, "mapping"),
            memcg=self._word(words, "memcg_data"),
            pp_magic=self._word(words, "pp_magic"),
        )

    def _word(self, words: Sequence[int], member: str) -> int | None:
        at = self.offsets.get(member)
        return None if at is None or at // _WORD >= len(words) else words[at // _WORD]

    def _int(self, words: Sequence[int], member: str) -> int | None:
        """An atomic_t, signed 32 bit."""
        word = self._word(words, member)
        if word is None:
            return None
        value = word >> 8 * (self.offsets[member] % _WORD) & 0xFFFFFFFF
        return value - (1 << 32) if value >> 31 else value


def path_of(reason: str, stack: Stack) -> str:
    """Whether the page was being allocated or freed: alloc, free, or "" when neither shows.

    The kernel's reason says it for flags (page_bad_reason(), mm/page_alloc.c), else the innermost
    function of either path does.
    """
    if "CHECK_AT_PREP" in reason:
        return "alloc"
    if "CHECK_AT_FREE" in reason:
        return "free"
    for frame in stack:
        function = function_of(frame)
        if function in _ALLOC:
            return "alloc"
        if function in _FREE:
            return "free"
    return ""

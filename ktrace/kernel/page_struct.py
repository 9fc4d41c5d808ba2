"""The members of struct page that bad_page() judges, found by BTF."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ktrace.events import Trigger
from ktrace.record import record

if TYPE_CHECKING:
    from ktrace.kernel.btf import Btf

# the member that a test looks at
_TESTED = {
    "mapping": "mapping",
    "memcg": "memcg_data",
    "refcount": "_refcount",
    "mapcount": "_mapcount",
}
_MEMBERS = "_refcount _mapcount mapping memcg_data pp_magic private lru".split()


@record
class Counts:
    """What a page counts and points to. None: this kernel's struct page has no such member."""

    refcount: int | None
    mapcount: int | None  # as the kernel prints it: _mapcount + 1, so 0 when nobody maps the page
    mapping: int | None
    memcg: int | None
    pp_magic: int | None
    private: int | None
    lru: tuple[int, ...]  # two words, or none


@record
class PageStruct:
    """Offsets in bytes, as far as this kernel has the members."""

    offsets: dict[str, int]
    word_bytes: int = 8  # of this kernel's pointers and longs
    size: int = 64

    @classmethod
    def of_btf(cls, btf: "Btf") -> "PageStruct":
        found = {name: btf.member_offset("page", name) for name in _MEMBERS}
        offsets = {name: at for name, at in found.items() if at is not None}
        return cls(offsets, btf.word_bytes(), btf.size_of("page") or 64)

    def words(self, longs: Iterable[int]) -> tuple[int, ...]:
        """The page's words, of memory that begins with it: 64 bits a number."""
        if self.word_bytes == 8:
            return tuple(longs)
        halves = [half for long in longs for half in (long & 0xFFFFFFFF, long >> 32)]
        return tuple(halves[: self.size // self.word_bytes])  # the next page is behind it

    def counts(self, words: Sequence[int]) -> Counts:
        """Of the first words of a struct page."""
        mapcount = self._int(words, "_mapcount")
        return Counts(
            refcount=self._int(words, "_refcount"),
            mapcount=None if mapcount is None else mapcount + 1,
            mapping=self._word(words, "mapping"),
            memcg=self._word(words, "memcg_data"),
            pp_magic=self._word(words, "pp_magic"),
            private=self._word(words, "private"),
            lru=self._list(words),
        )

    def placed(self, triggers: Iterable[Trigger]) -> tuple[Trigger, ...]:
        """With the place of the word in the struct page."""
        return tuple(
            replace(trigger, at=self.offsets.get(_TESTED.get(trigger.what, "")))
            for trigger in triggers
        )

    def _list(self, words: Sequence[int]) -> tuple[int, ...]:
        at = self.offsets.get("lru")
        index = at // self.word_bytes if at is not None else 0
        found = () if at is None else tuple(words[index : index + 2])
        return found if len(found) == 2 else ()

    def _word(self, words: Sequence[int], member: str) -> int | None:
        at = self.offsets.get(member)
        index = at // self.word_bytes if at is not None else len(words)
        return words[index] if index < len(words) else None

    def _int(self, words: Sequence[int], member: str) -> int | None:
        """An atomic_t, signed 32 bit."""
        word = self._word(words, member)
        if word is None:
            return None
        value = word >> 8 * (self.offsets[member] % self.word_bytes) & 0xFFFFFFFF
        return value - (1 << 32) if value >> 31 else value

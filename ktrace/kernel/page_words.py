"""The "raw:" words of a struct page in a kernel log, taken apart.

__dump_page() (mm/debug.c) prints them since v4.12, as longs of the kernel's word size. v4.18 moved
the list head to the front and private before the counts. Which of the two layouts it is shows by
the counts that are printed beside.
"""

from collections.abc import Sequence

from ktrace.record import record

_POISON = 0xDEAD  # uppermost half word of LIST_POISON1 and 2 on 64 bits
_POISON_32 = (0x100, 0x122, 0x200)


@record
class _Layout:
    """Index of the first word of each member."""

    lru: int
    mapping: int
    private: int
    counts: int  # _mapcount, and _refcount behind it
    memcg: int


# with the counts in one word of 64 bits, or in two of 32
_SINCE_4_18 = {64: _Layout(1, 3, 5, 6, 7), 32: _Layout(1, 3, 5, 6, 8)}
_UNTIL_4_17 = {64: _Layout(4, 1, 6, 3, 7), 32: _Layout(5, 1, 7, 3, 8)}


@record
class PageWords:
    """What the words say. None: they are not all there."""

    flags: int
    mapping: int | None
    private: int | None
    lru: tuple[int, ...]  # two, or none
    mapcount: int | None  # _mapcount, 32 bits unsigned
    refcount: int | None  # signed
    memcg: int | None  # with CONFIG_MEMCG; without, it may be something else


def page_words(
    printed: Sequence[str], refcount: int | None, mapcount: int | None
) -> PageWords | None:
    """printed: hexadecimal, all of one width. refcount, mapcount: as printed elsewhere in the
    report; mapcount is _mapcount + 1, or 0 for a page that has a type."""
    if not printed or len({len(word) for word in printed}) != 1:
        return None
    bits = 4 * len(printed[0])
    if bits not in (32, 64):
        return None
    words = [int(word, 16) for word in printed]
    new, old = _SINCE_4_18[bits], _UNTIL_4_17[bits]
    known = (words, bits, refcount, mapcount)
    return _taken_apart(words, bits, old if _fits(old, *known) > _fits(new, *known) else new)


def _taken_apart(words: list[int], bits: int, layout: _Layout) -> PageWords:
    mapcount, refcount = _counts(words[layout.counts : layout.counts + 2], bits)
    return PageWords(
        flags=words[0],
        mapping=_at(words, layout.mapping),
        private=_at(words, layout.private),
        lru=_lru(words, layout),
        mapcount=mapcount,
        refcount=refcount,
        memcg=_at(words, layout.memcg),
    )


def _lru(words: list[int], layout: _Layout) -> tuple[int, ...]:
    lru = tuple(words[layout.lru : layout.lru + 2])
    return lru if len(lru) == 2 else ()


def _counts(words: list[int], bits: int) -> tuple[int | None, int | None]:
    """_mapcount, and _refcount, which has a sign. A big-endian kernel has _mapcount in the upper
    half: a page that nobody maps shows which half that is."""
    if bits == 32:
        return _at(words, 0), _signed(_at(words, 1))
    if not words:
        return None, None
    low, high = words[0] & 0xFFFFFFFF, words[0] >> 32
    big = high >> 28 == 0xF and low >> 28 != 0xF and low < 1 << 16
    return (high, _signed(low)) if big else (low, _signed(high))


def _signed(count: int | None) -> int | None:
    return None if count is None else count - (count >> 31 << 32)


def _at(words: list[int], index: int) -> int | None:
    return words[index] if index < len(words) else None


def _fits(
    layout: _Layout, words: list[int], bits: int, refcount: int | None, mapcount: int | None
) -> int:
    """The better, the greater: what agrees with what is printed, less what contradicts it."""
    raw, counted = _counts(words[layout.counts : layout.counts + 2], bits)
    mapped = None if raw is None else (raw + 1) & 0xFFFFFFFF
    wanted = None if mapcount is None else mapcount & 0xFFFFFFFF
    lru = _lru(words, layout)
    poisoned = bool(lru) and _poison(lru[0]) and _poison(lru[1])
    return _agree(counted, refcount) + _agree(mapped, wanted) + poisoned


def _agree(word: int | None, printed: int | None) -> int:
    if word is None or printed is None:
        return 0
    return 1 if word == printed else -1


def _poison(word: int) -> bool:
    return word >> 48 == _POISON or word in _POISON_32

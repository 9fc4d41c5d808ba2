"""What a page is used for, where its _mapcount says so: include/linux/page-flags.h.

The same word counted down from -1 under several layouts. A page that has a type is nobody's to
free without undoing it, and never "one wrong bit".
"""

from typing import TYPE_CHECKING

from ktrace.record import record

if TYPE_CHECKING:
    from ktrace.kernel.btf import Btf

_ONES = 0xFFFFFFFF
_UNDERFLOW = 0xFF  # PGTY_mapcount_underflow


@record
class PageTypes:
    """Names of the types of one kernel.

    form: value (_mapcount is the key), cleared (the key's bit is 0, others are 1), top (the key is
    its uppermost byte)."""

    form: str
    names: dict[int, str]

    @classmethod
    def of_btf(cls, btf: "Btf") -> "PageTypes | None":
        """Of enum pagetype, which is there since 6.11. None: this kernel has it not."""
        found = btf.enum("pagetype") or {}
        top = {
            number: name.removeprefix("PGTY_") for name, number in found.items() if "PGTY_" in name
        }
        if top:
            return cls("top", {key: name for key, name in top.items() if key != _UNDERFLOW})
        cleared = {key: name.removeprefix("PG_") for name, key in found.items() if "PG_" in name}
        return cls("cleared", cleared) if cleared else None

    def of(self, mapcount: int) -> str:
        """The type; "" where it is none. mapcount: _mapcount, 32 bits unsigned."""
        if self.form == "value":
            return self.names.get(mapcount - (1 << 32), "")
        if self.form == "top":
            return self.names.get(mapcount >> 24, "")
        return self.names.get(~mapcount & _ONES, "")


# -2 until the last rc of 2.6.38, then -128: ef2b4b95a63a "mm: PageBuddy and mapcount robustness"
_2_6_38 = {-128: "buddy"}
_3_18 = _2_6_38 | {-256: "balloon"}  # d6d86c0a7f8d
_4_8 = _3_18 | {-512: "kmemcg"}  # 4949148ad433
# 6e292b9be7f4 "mm: split page_type out from _mapcount", 1d40a5ea01d5 (table)
_4_18 = {0x80: "buddy", 0x100: "balloon", 0x200: "kmemcg", 0x400: "table"}
_5_1 = _4_18 | {0x100: "offline"}  # include/linux/page-flags.h of v5.1
_5_3 = _5_1 | {0x800: "guard"}  # include/linux/page-flags.h of v5.3
# 18b2db3b0385 "mm: Convert page kmemcg type to a page memcg flag"
_5_11 = {0x80: "buddy", 0x100: "offline", 0x200: "table", 0x400: "guard"}
_6_9 = _5_11 | {0x800: "hugetlb"}  # d99e3140a4d3, also in 6.6.y
_6_10 = _6_9 | {0x1000: "slab"}  # 46df8e73a4a3
# 8db00ad56461 "mm: allow reuse of the lower 16 bit of the page type with an actual type"
_6_11_ORDER = "buddy offline table guard hugetlb slab zsmalloc".split()
_6_11 = {0x40000000 >> i: name for i, name in enumerate(_6_11_ORDER)}
# 4ffca5a96678 "mm: support only one page_type per page"
_6_12_ORDER = "buddy offline table guard hugetlb slab zsmalloc unaccepted large_kmalloc".split()
_6_12 = {0xF0 + i: name for i, name in enumerate(_6_12_ORDER)}

_ERAS = (
    ((2, 6, 38), PageTypes("value", _2_6_38)),
    ((3, 18), PageTypes("value", _3_18)),
    ((4, 8), PageTypes("value", _4_8)),
    ((4, 18), PageTypes("cleared", _4_18)),
    ((5, 1), PageTypes("cleared", _5_1)),
    ((5, 3), PageTypes("cleared", _5_3)),
    ((5, 11), PageTypes("cleared", _5_11)),
    ((6, 9), PageTypes("cleared", _6_9)),
    ((6, 10), PageTypes("cleared", _6_10)),
    ((6, 11), PageTypes("cleared", _6_11)),
    ((6, 12), PageTypes("top", _6_12)),
)


def page_types_of(release: tuple[int, ...]) -> PageTypes | None:
    """Of a kernel that cannot be asked; None: it has none."""
    fitting = [types for first, types in _ERAS if first <= release]
    return fitting[-1] if fitting else None


def page_type(mapcount: int, release: tuple[int, ...]) -> str:
    """The type that _mapcount (32 bits unsigned) means: "table"; "" for none. Where the release is
    not known, (), all that it meant in any: "table or guard"."""
    if release:
        types = page_types_of(release)
        return types.of(mapcount) if types else ""
    return " or ".join(dict.fromkeys(filter(None, (types.of(mapcount) for _, types in _ERAS))))

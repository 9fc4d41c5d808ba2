"""page->flags of kernels that cannot be asked: a log or a trace of long ago.

Each table is the enum pageflags of include/linux/page-flags.h as of that release, up to mlocked:
what follows depends on the configuration (uncached, hwpoison, young, idle). The tables for 3.11,
4.2, 4.9 and 4.20 agree with the names that such kernels printed beside the numbers.
"""

import functools

from ktrace.kernel.page_flags import Field, PageFlags, mask_of
from ktrace.record import record

_ZONE_I386 = (Field("zone", 30, 2),)  # FLATMEM: DMA, Normal, HighMem, Movable
_NO_FIELDS: tuple[Field, ...] = ()
# 6.x on x86-64 as distributions build it: 1024 nodes, 5 zones, 8192 CPUs, CONFIG_LRU_GEN
_FIELDS_X86_64 = (
    Field("node", 54, 10),
    Field("zone", 51, 3),
    Field("lastcpupid", 30, 21),
    Field("lru_gen", 27, 3),
    Field("lru_refs", 25, 2),
)

_2_6_31 = (
    "locked error referenced uptodate dirty lru active slab owner_priv_1 arch_1 reserved private "
    "private_2 writeback head tail swapcache mappedtodisk reclaim buddy swapbacked unevictable "
    "mlocked"
)
_2_6_38 = _2_6_31.replace(" buddy", "")  # 5f24ce5fd34c
# 1d798ca3f164 "mm: make compound_head() robust", v4.4: no tail
_4_4 = (
    "locked error referenced uptodate dirty lru active slab owner_priv_1 arch_1 reserved private "
    "private_2 writeback head swapcache mappedtodisk reclaim swapbacked unevictable mlocked"
)
# 62906027091f "mm: add PageWaiters indicating tasks are waiting for a page bit", v4.10
_4_10 = _4_4.replace(" swapcache", "").replace(" slab", " waiters slab")
# 1899ad18c607 "mm: workingset: tell cache transitions from workingset thrashing", v4.20
_4_20 = (
    "locked referenced uptodate dirty lru active workingset waiters error slab owner_priv_1 arch_1 "
    "reserved private private_2 writeback head mappedtodisk reclaim swapbacked unevictable mlocked"
)
_6_1 = _4_20 + " uncached arch_2"  # Debian's cloud kernel, from its BTF
# "mm: use the bottom byte for PG_writeback, PG_head and PG_waiters", v6.7
_6_7 = (
    "locked writeback referenced uptodate dirty lru head waiters active workingset error slab "
    "owner_priv_1 arch_1 reserved private private_2 mappedtodisk reclaim swapbacked unevictable "
    "mlocked"
)
_6_10 = _6_7.replace(" slab", "")  # 46df8e73a4a3 "mm: free up PG_slab"
_6_18 = (  # from BTF
    "locked writeback referenced uptodate dirty lru head waiters active workingset owner_priv_1 "
    "owner_2 arch_1 reserved private private_2 reclaim swapbacked unevictable dropbehind mlocked "
    "young idle arch_2"
)

_FREE_OLD = (  # with swapcache, until v4.10 (6326fec1122c)
    "lru locked private private_2 buddy writeback reserved slab swapcache active unevictable "
    "mlocked"
)
_FREE = "lru locked private private_2 writeback reserved slab active unevictable mlocked"


@record
class Era:
    """A range of releases with one layout."""

    name: str
    first: tuple[int, ...]  # release
    flags: str
    free: str
    fields: tuple[Field, ...]
    note: str


ERAS = (
    Era("2.6.31-i386", (2, 6, 30), _2_6_31, _FREE_OLD, _ZONE_I386, "2.6.30 to 2.6.37, i386"),
    Era("2.6.38-i386", (2, 6, 38), _2_6_38, _FREE_OLD, _ZONE_I386, "2.6.38 to 4.3, i386"),
    Era("2.6.31", (2, 6, 30), _2_6_31, _FREE_OLD, _NO_FIELDS, "2.6.30 to 2.6.37"),
    Era("2.6.38", (2, 6, 38), _2_6_38, _FREE_OLD, _NO_FIELDS, "2.6.38 to 4.3"),
    Era("4.4", (4, 4), _4_4, _FREE_OLD, _NO_FIELDS, "4.4 to 4.9"),
    Era("4.10", (4, 10), _4_10, _FREE, _NO_FIELDS, "4.10 to 4.19"),
    Era("4.20", (4, 20), _4_20, _FREE, _NO_FIELDS, "4.20 to 6.0"),
    Era("6.1", (6, 1), _6_1, _FREE, _FIELDS_X86_64, "6.1, Debian's cloud kernel, x86-64"),
    Era("6.7", (6, 7), _6_7, _FREE, _NO_FIELDS, "6.7 to 6.9"),
    Era("6.10", (6, 10), _6_10, _FREE, _NO_FIELDS, "6.10 and 6.11"),
    Era("6.18", (6, 18), _6_18, _FREE, _NO_FIELDS, "6.18, x86-64"),
)
BY_NAME = {era.name: era for era in ERAS}


@functools.cache
def page_flags_of(era: Era) -> PageFlags:
    """The era's layout."""
    names = dict(enumerate(era.flags.split()))
    lru = sum(field.mask for field in era.fields if field.name.startswith("lru_"))
    lru_gen = sum(field.mask for field in era.fields if field.name == "lru_gen")
    return PageFlags(
        origin=f"the table for {era.note}",
        names=names,
        fields=era.fields,
        at_prep=mask_of(names, era.flags.split()) | lru,
        at_free=mask_of(names, era.free.split()) | lru_gen,
    )


def era_of_release(release: tuple[int, ...], i386: bool) -> Era | None:
    """The newest era that is not newer than a release, such as (2, 6, 31); None: no table fits.

    Between 6.1 and 6.18 bits moved more than once (v6.7, v6.10, v6.12, v6.13), and development
    kernels of these releases differ: era_that_prints() may find the table.
    """
    if (6, 2) <= release < (6, 18) or release >= (6, 19):
        return None
    fitting = [era for era in ERAS if release >= era.first and "i386" not in era.name]
    if i386:
        fitting += [era for era in ERAS if release >= era.first and "i386" in era.name]
        fitting = [era for era in fitting if "i386" in era.name or era.first >= (4, 4)]
    return max(fitting, key=lambda era: era.first, default=None)


def era_that_prints(flags: int, names: set[str], release: tuple[int, ...]) -> Era | None:
    """A table by which a 64-bit kernel prints just these names of flags. release: () where it is
    not known. None: no table does, or there is nothing to tell them apart by."""
    if not names:
        return None
    for era in ERAS:
        if "i386" in era.name or (release and release < era.first and era.first < (6, 2)):
            continue
        if set(_printed(era, flags)) == names:
            return era
    return None


def _printed(era: Era, flags: int) -> list[str]:
    return [name for bit, name in enumerate(era.flags.split()) if flags & 1 << bit]

"""Bits of page->flags: names, fields on top, and which of them bad_page() minds.

The layout is that of include/linux/page-flags-layout.h and include/linux/mm.h: from the top bit
down section, node, zone, last_cpupid, KASAN tag and, since v6.1 (ec1c86b25f4b "mm: multi-gen LRU:
groundwork"), LRU generation and references; flags are numbered from bit 0.
"""

from typing import TYPE_CHECKING

from ktrace.events import Trigger
from ktrace.record import record

if TYPE_CHECKING:
    from ktrace.kernel.btf import Btf

# PAGE_FLAGS_CHECK_AT_FREE, include/linux/page-flags.h: these, as far as the kernel has them. Slab
# was a flag until v6.10 (46df8e73a4a3 "mm: free up PG_slab").
_CHECKED_AT_FREE = (
    "lru locked private private_2 writeback reserved slab active unevictable mlocked".split()
)
_HEXADECIMAL = ("lastcpupid", "kasantag")  # as the kernel prints them (lib/vsprintf.c)
_LRU = ("lru_gen", "lru_refs")  # fields that the checks mind, too
_LAST_PID_BITS = 8  # LAST__PID_SHIFT


@record
class Field:
    """A number in the upper bits of the flags word: zone, node, section, lastcpupid, ..."""

    name: str
    shift: int
    width: int

    @property
    def mask(self) -> int:
        return ((1 << self.width) - 1) << self.shift

    def text(self, flags: int) -> str:
        """ "zone=1", "lastcpupid=0x1fffff"."""
        value = (flags & self.mask) >> self.shift
        return f"{self.name}={value:#x}" if self.name in _HEXADECIMAL else f"{self.name}={value}"


@record
class Decoded:
    """A flags word taken apart."""

    names: tuple[str, ...]  # of the set bits, lowest first: "private_2"; "bit 24" without a name
    fields: tuple[str, ...]  # "zone=1"


@record
class PageFlags:
    """The layout of one kernel's page->flags."""

    origin: str  # where the layout is from, for the user
    names: dict[int, str]  # bit -> name, as the kernel prints it
    fields: tuple[Field, ...]
    at_prep: int  # PAGE_FLAGS_CHECK_AT_PREP: must be clear when a page is allocated
    at_free: int  # PAGE_FLAGS_CHECK_AT_FREE: must be clear when a page is freed

    @classmethod
    def of_btf(cls, btf: "Btf", origin: str, config: dict[str, str] | None = None) -> "PageFlags":
        """The layout of the kernel that btf describes.

        config: its CONFIG_ options, for what BTF does not have: the exact CONFIG_NR_CPUS.

        Raises ValueError where btf has no enum pageflags.
        """
        names = _flag_names(btf)
        fields = _fields(btf, config or {}, 8 * btf.word_bytes(), flags=max(names) + 1)
        lru = {field.name: field.mask for field in fields if field.name in _LRU}
        at_prep = sum(1 << bit for bit, name in names.items() if name != "hwpoison")
        return cls(
            origin=origin,
            names=names,
            fields=fields,
            # v4.2, f4c18e6f7b5b: not hwpoison; v6.1, ec1c86b25f4b: the LRU fields
            at_prep=at_prep | sum(lru.values()),
            at_free=mask_of(names, _CHECKED_AT_FREE) | lru.get("lru_gen", 0),
        )

    def decode(self, flags: int) -> Decoded:
        """Names and fields; nothing that is set is left out."""
        lru = [field for field in self.fields if field.name in _LRU and not flags & field.mask]
        fields = [field for field in self.fields if field not in lru]
        rest = flags & ~sum(field.mask for field in fields)
        return Decoded(self.bit_names(rest), tuple(field.text(flags) for field in fields))

    def bit_names(self, bits: int) -> tuple[str, ...]:
        """Of single bits, lowest first; a bit inside a field by the field's name."""
        return tuple(self._bit_name(bit) for bit in range(bits.bit_length()) if bits & 1 << bit)

    def _bit_name(self, bit: int) -> str:
        if bit in self.names:
            return self.names[bit]
        field = next((field for field in self.fields if field.mask & 1 << bit), None)
        return f"{field.name} bit {bit}" if field else f"bit {bit}"

    def checked(self, path: str) -> int:
        """The mask that the path's check uses; of an unknown path the wider one."""
        return self.at_free if path == "free" else self.at_prep

    def triggers(
        self,
        path: str,
        flags: int,
        *,
        refcount: int | None = None,
        mapcount: int | None = None,
        mapping: int | None = None,
        memcg: int | None = None,
        page_pool: int | None = None,
        page_type: str = "",
    ) -> tuple[Trigger, ...]:
        """Every test of page_bad_reason() (mm/page_alloc.c) that fails.

        path: alloc or free; mapcount: as printed, 0 for a page that nobody maps (_mapcount + 1).
        None: unknown, not tested.
        """
        counts = count_triggers(refcount, mapcount, mapping, memcg, page_pool, page_type)
        return (*self.flag_triggers(path, flags), *counts)

    def flag_triggers(self, path: str, flags: int) -> tuple[Trigger, ...]:
        """That of the flags, if it fails."""
        offending = flags & self.checked(path)
        return (Trigger("flags", hex(offending), self.bit_names(offending)),) if offending else ()


def count_triggers(
    refcount: int | None,
    mapcount: int | None,
    mapping: int | None,
    memcg: int | None,
    page_pool: int | None = None,
    page_type: str = "",
) -> tuple[Trigger, ...]:
    """The tests other than that of the flags: all of these must be 0 or NULL. page_type: what
    mapcount - 1 means where it is no count."""
    values = {
        "mapcount": mapcount,
        "mapping": mapping,
        "refcount": refcount,
        "memcg": memcg,
        "page_pool": page_pool,
    }
    if not any(values.values()):
        return ()
    typed = Trigger("page_type", hex((mapcount or 0) - 1 & 0xFFFFFFFF), (page_type,))
    return tuple(
        typed
        if what == "mapcount" and page_type
        else Trigger(what, hex(value & 0xFFFFFFFF if value < 0 else value), ())
        for what, value in values.items()
        if value
    )


def refused(path: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Of the names of flags that a page has those that the path's check minds."""
    if path == "free":
        return tuple(name for name in names if name in _CHECKED_AT_FREE)
    return tuple(name for name in names if name != "hwpoison")


def mask_of(names: dict[int, str], wanted: list[str]) -> int:
    """The bits that have these names."""
    return sum(1 << bit for bit, name in names.items() if name in wanted)


def _flag_names(btf: "Btf") -> dict[int, str]:
    """Of enum pageflags: the names before __NR_PAGEFLAGS; behind it are aliases."""
    names: dict[int, str] = {}
    for name, bit in (btf.enum("pageflags") or {}).items():
        if name == "__NR_PAGEFLAGS":
            break
        names.setdefault(bit, name.removeprefix("PG_"))
    if not names:
        raise ValueError("no enum pageflags in this BTF")
    return names


def _fields(btf: "Btf", config: dict[str, str], bits: int, flags: int) -> tuple[Field, ...]:
    """Fields from the top down. With vmemmap, as on all 64-bit kernels that have BTF, and with
    CONFIG_FLATMEM there is no section; where there is one, its width is not known, nor what is
    below. A field that does not fit is left out, as the kernel does."""
    if bits == 32 and btf.has_struct("mem_section"):
        return ()
    zones = (btf.enum("zone_type") or {}).get("__MAX_NR_ZONES", 1)
    # struct zonelist has MAX_NUMNODES * MAX_NR_ZONES zonerefs and a NULL (mmzone.h)
    nodes = ((btf.array_length("zonelist", "_zonerefs") or zones + 1) - 1) // zones
    widths = {"node": _order(nodes), "zone": _order(zones)}
    if btf.has_member("task_struct", "numa_scan_period"):  # CONFIG_NUMA_BALANCING
        cpus = int(config.get("CONFIG_NR_CPUS", 0)) or bits * (
            btf.array_length("cpumask", "bits") or 1
        )
        widths["lastcpupid"] = _LAST_PID_BITS + _order(cpus)
    if {config.get("CONFIG_KASAN_SW_TAGS"), config.get("CONFIG_KASAN_HW_TAGS")} & {"y"}:
        widths["kasantag"] = 8
    if btf.has_member("lruvec", "lrugen"):  # CONFIG_LRU_GEN
        widths |= {"lru_gen": 3, "lru_refs": 2}  # of MAX_NR_GENS 4 and MAX_NR_TIERS 4
    fields = []
    for name, width in widths.items():
        if width and bits - width >= flags:
            bits -= width
            fields.append(Field(name, bits, width))
    return tuple(fields)


def _order(count: int) -> int:
    """order_base_2()."""
    return (count - 1).bit_length()
